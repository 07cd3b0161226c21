"""The authorities for SSH, as their public keys are on the controller."""

from pathlib import Path

from ssh_authorities import ssh_authorities


def test_the_first_pair_has_names_without_a_number_and_what_is_missing_is_empty(tmp_path: Path) -> None:
    for name in ("host", "user", "host-11"):
        (tmp_path / f"{name}.pub").write_text(f"ssh-ed25519 {name}\n")
    found = ssh_authorities([11, 1], str(tmp_path))
    assert found == {
        "host": {"host-11": "ssh-ed25519 host-11", "host": "ssh-ed25519 host"},
        "user": {"user-11": "", "user": "ssh-ed25519 user"},
    }
    assert list(found["host"]) == ["host-11", "host"]  # the first one certifies
