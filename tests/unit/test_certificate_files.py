import subprocess
from pathlib import Path

import pytest
from ansible.errors import AnsibleFilterError
from certificate_files import FOLLOW, certificate_files


def pem(text):
    return f"-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----"


def test_makes_a_file_for_each_certificate_and_each_root():
    certificates = [{"name": "www3", "reload": ["apachectl", "graceful"]}, {"name": "dns", "group": "bind"}]
    texts = {"www3": f"{pem('A')}\n{pem('B')}", "dns": f"{pem('C')}\n", "old": pem("D")}
    root, www3, dns = certificate_files(certificates, texts, "I\nR\n", {"st.um-root-1": "R"}, ["rc", "reload"])
    assert (www3["path"], www3["content"]) == ("/etc/ssl/site/www3.pem", f"{pem('A')}\nI\nR\n")
    assert www3["reload"][-3:] == ["sh", "apachectl", "graceful"]
    assert (dns["path"], dns["content"]) == ("/etc/ssl/site/dns.pem", f"{pem('C')}\nI\nR\n")
    assert dns["reload"][-1] == "true"
    assert (root["path"], root["content"]) == ("/usr/local/share/ca-certificates/st.um-root-1.crt", "R\n")
    assert root["reload"] == ["sh", "-ec", 'update-ca-certificates; exec "$@"', "sh", "rc", "reload"]


@pytest.fixture
def change(tmp_path, monkeypatch):
    """Make three keys, put a certificate of one of them in place, and tell its users; return which key is where."""
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b", "c"):
        key = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        subprocess.run([*key, "-subj", "/CN=x", "-keyout", f"{name}.key", "-out", f"{name}.pem"], check=True)
    texts = {name: Path(f"{name}.key").read_text() for name in ("a", "b", "c")}

    def run(certificate, keys):
        for place, name in keys.items():
            Path(f"x.key{place}").write_text(texts[name])
        command = FOLLOW.format(key="x.key", certificate=f"{certificate}.pem")
        subprocess.run(["sh", "-ec", command, "sh", "touch", "told"], check=True)
        assert Path("told").exists()
        return {
            path.name.removeprefix("x.key"): min(n for n in texts if texts[n] == path.read_text())
            for path in sorted(Path().glob("x.key*"))
        }

    return run


@pytest.mark.parametrize(
    ("certificate", "before", "after"),
    [
        ("a", {"": "a"}, {"": "a"}),
        ("b", {"": "a", ".new": "b"}, {"": "b", ".old": "a"}),
        ("b", {"": "a", ".new": "b", ".old": "c"}, {"": "b", ".old": "a"}),
        ("a", {"": "b", ".old": "a"}, {"": "a", ".old": "b"}),  # undone
        ("a", {"": "a", ".new": "b"}, {"": "a", ".new": "b"}),  # never done
        ("c", {"": "a", ".new": "b"}, {"": "a", ".new": "b"}),  # nobody has it
    ],
)
def test_the_key_follows_its_certificate(change, certificate, before, after):
    assert change(certificate, before) == after


@pytest.mark.parametrize("texts", [{}, {"www3": ""}, {"www3": None}])
def test_refuses_a_certificate_without_a_text(texts):
    with pytest.raises(AnsibleFilterError, match="There is no text of the certificate www3"):
        certificate_files([{"name": "www3"}], texts, "I", {})
