"""The certificate authorities, as their folders are on the controller."""

from pathlib import Path

import pytest
from ansible.errors import AnsibleFilterError
from ca_authorities import ca_authorities


def authority(folder: Path, name: str, **texts: str) -> None:
    (folder / name).mkdir()
    for part, file in {"certificate": "cacert.pem", "index": "index.txt", "crl": "crl.pem"}.items():
        if part in texts:
            (folder / name / file).write_text(texts[part] + "\n")


def test_those_that_are_there_the_roots_first(tmp_path: Path) -> None:
    for name in ("issuing-1-1", "issuing-2-2", "root-1", "root-2", "root-3", "issuing-2-3"):
        authority(tmp_path, name, certificate=name, index="", crl="")
    authority(tmp_path, "issuing-1-2", index="", crl="")  # its certificate is yet to be made
    found = ca_authorities([2, 1], 2, str(tmp_path))
    assert list(found) == ["root-2", "root-1", "issuing-2-2", "issuing-1-1"]
    assert found["root-2"] == {"kind": "root", "certificate": "root-2", "index": "", "crl": ""}
    assert found["issuing-1-1"]["kind"] == "issuing"


def test_one_without_its_records_is_refused(tmp_path: Path) -> None:
    authority(tmp_path, "root-1", certificate="root-1", crl="")
    with pytest.raises(AnsibleFilterError, match=r"The records of the authority root-1 cannot be read: .*index\.txt"):
        ca_authorities([1], 1, str(tmp_path))
