"""Remote shell: what a change does, what is refused, and who is kept out."""

import base64
import re

import pytest

from lab import Lab, changed, wait_until

RUN = "playbooks/ssh.yml"
PRIMARY = ("-l", "primary")
DROP_IN = "/etc/ssh/sshd_config.d/00-server-for-dummies.conf"


def effective(lab: Lab, host: str = "primary") -> dict[str, str]:
    """Return what sshd makes of its configuration."""
    lines = [line.partition(" ") for line in lab.run(host, "sshd", "-T").splitlines()]
    return {name: value for name, _, value in lines}


def test_an_option_that_does_not_exist_is_refused_by_the_daemon_itself(lab: Lab) -> None:
    before = lab.run("primary", "sha256sum", DROP_IN)
    output = lab.playbook(RUN, *PRIMARY, settings={"openssh_options": {"PermitNobody": "yes"}}, fails=True)
    assert "Bad configuration option: PermitNobody" in output
    assert lab.run("primary", "sha256sum", DROP_IN) == before
    assert lab.log_in() == "in\n"
    # Nothing is left that would undo a later change.
    assert "ssh-undo" not in lab.run("primary", "sh", "-c", "systemctl list-timers --all; systemctl list-unit-files")
    assert "ssh" not in lab.run("primary", "ls", "/var/lib/server-for-dummies")


def test_a_group_that_ansible_is_not_in_is_refused_before_anything_changes(lab: Lab) -> None:
    before = lab.checksums("primary")
    output = lab.playbook(RUN, *PRIMARY, settings={"openssh_allow_groups": ["dummies"]}, fails=True)
    assert "Edit openssh_allow_groups: dummies would lock Ansible out of primary" in re.sub(r"\s+", " ", output)
    assert lab.checksums("primary") == before


@pytest.mark.only_swapped
def test_passwords_are_accepted_where_the_settings_say_so(lab: Lab) -> None:
    word = (lab.secrets() / "password-user1").read_text().strip()
    methods = ("-o", "PreferredAuthentications=none", "-o", "PubkeyAuthentication=no")
    script = (
        "cd / && exec setsid env SSH_ASKPASS_REQUIRE=force SSH_ASKPASS=/root/word ssh -o ConnectTimeout=3 "
        "-o PreferredAuthentications=password -o NumberOfPasswordPrompts=1 user1@st.um echo in 2>&1"
    )
    lab.run("client", "sh", "-c", f"printf '#!/bin/sh\\necho {word}\\n' >/root/word && chmod 0700 /root/word")
    try:
        assert "(publickey)." in lab.log_in(*methods)
        assert "Permission denied (publickey)." in lab.run("client", "sh", "-c", script, check=False)
        networks = [f"{lab.address(0)}/24", "fd53:4644::/32"]
        lab.playbook(RUN, *PRIMARY, settings={"openssh_password_networks": networks})
        assert lab.run("client", "sh", "-c", script) == "in\n"
        outside = ["ssh", "-F", "none", "-o", "PreferredAuthentications=none", "-o", "StrictHostKeyChecking=no"]
        refused = lab.run("internet", "sh", "-c", '"$@" 2>&1', "sh", *outside, f"user1@{lab.address(135)}", check=False)
        assert "(publickey)." in refused
    finally:
        lab.run("client", "rm", "-f", "/root/word")
        lab.playbook(RUN, *PRIMARY)
    assert "(publickey)." in lab.log_in(*methods)


@pytest.mark.slow
def test_a_revoked_key_and_one_that_is_not_certified(lab: Lab) -> None:
    key = lab.run("client", "cat", "/home/user1/.ssh/id_ed25519.pub").strip()
    lab.playbook(RUN, *PRIMARY, settings={"openssh_revoked_keys": [key]})
    try:
        assert "Permission denied" in lab.log_in()
        # Neither by its certificate, nor because somebody wrote it down.
        lab.playbook(
            RUN, *PRIMARY, settings={"openssh_revoked_keys": [key], "openssh_authorized_keys": {"user2": [key]}}
        )
        assert "Permission denied" in lab.log_in(user="user2")
        lab.playbook(RUN, *PRIMARY, settings={"openssh_authorized_keys": {"user2": [key]}})
        assert lab.log_in(user="user2") == "in\n"
    finally:
        lab.playbook(RUN, *PRIMARY)
    assert "Permission denied" in lab.log_in(user="user2")
    assert lab.log_in() == "in\n"


def test_a_host_whose_key_has_changed_is_refused_until_it_is_certified(lab: Lab) -> None:
    name = "/etc/ssh/ssh_host_ed25519_key"
    before = lab.run("client", "sh", "-c", "dig +short st.um SSHFP")
    lab.run(
        "primary", "sh", "-c", f"mkdir /root/keys && mv {name} {name}.pub {name}-cert.pub /root/keys && ssh-keygen -A"
    )
    lab.run("primary", "systemctl", "reload", "ssh")
    try:
        wait_until(lambda: "Host key verification failed" in lab.log_in())  # sshd does not listen for a moment
    finally:
        lab.run(
            "primary", "sh", "-c", f"mv /root/keys/* /etc/ssh && rmdir /root/keys && systemctl reload ssh; ls {name}"
        )
    wait_until(lambda: lab.log_in() == "in\n")
    assert lab.run("client", "sh", "-c", "dig +short st.um SSHFP") == before


@pytest.mark.slow
def test_certificates_are_renewed_when_they_are_due_and_not_before(lab: Lab) -> None:
    assert changed(lab.playbook(RUN, settings={"openssh_renew_days": 89})) == 0
    output = lab.playbook(RUN, "-l", "client", settings={"openssh_renew_days": 91, "openssh_days": 100})
    assert len(re.findall(r"it ends on", output)) >= 3
    assert changed(lab.playbook(RUN)) == 0
    ends = lab.run("client", "sh", "-c", "ssh-keygen -L -f /etc/ssh/user_certificates/user-user1.pub | grep Valid")
    assert ends
    assert lab.log_in() == "in\n"


def test_what_sshd_makes_of_it(lab: Lab) -> None:
    for host in ("primary", "secondary", "client"):
        have = effective(lab, host)
        assert have["passwordauthentication"] == "no"
        assert have["permitrootlogin"] == "without-password"
        assert have["kexalgorithms"].startswith(("mlkem768x25519-sha256,", "sntrup761x25519-sha512,"))
    assert "PRIVATE" not in "".join(
        path.read_text() for path in (lab.secrets().parent / "ssh-keys").iterdir() if path.is_file()
    )


def test_keys_stay_where_they_were_made(lab: Lab) -> None:
    assert lab.run("client", "stat", "-c", "%U %a", "/home/user1/.ssh/id_ed25519") == "user1 600\n"
    folder = lab.secrets().parent / "ssh-ca"
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix != ".pub":
            assert re.fullmatch("(host|user)(-[0-9]+)?", path.name)
            assert path.stat().st_mode & 0o077 == 0
            # Encrypted: the cipher's name is in the part that is not (PROTOCOL.key of OpenSSH).
            assert b"aes256-ctr" in base64.b64decode("".join(path.read_text().splitlines()[1:-1]))
