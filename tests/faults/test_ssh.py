"""A change that locks the controller out is undone by the host itself; authorities are replaced, and nobody notices."""

import os
import re
import signal
import subprocess
import time

import pytest

from lab import Lab, changed, wait_until

RUN = "playbooks/ssh.yml"
STATE = "/var/lib/server-for-dummies"
CLAIM = f"cp -a /etc/ssh /etc/ssh.undone; mv {STATE}/ssh.before {STATE}/ssh.undoing; mkdir /etc/ssh.old"
SECONDS = 15
LOCK_OUT = {"openssh_options": {"DenyUsers": "root"}, "openssh_undo_seconds": SECONDS}
HOUR = {"openssh_undo_seconds": 3600}


def state(lab: Lab, host: str) -> str:
    return lab.run(host, "sh", "-c", "find /etc/ssh -type f | sort | xargs sha256sum; sshd -T")


def left(lab: Lab, host: str) -> list[str]:
    """Return what there is of an undoing, done or to be done."""
    script = f"find /etc {STATE} /run/systemd -path '/etc/ssh.*' -prune -print -o -path '{STATE}/ssh.*' -prune -print"
    return lab.run(host, "sh", "-c", f"{script} -o -name 'ssh-undo*' -print").split()


# On both releases.
@pytest.mark.parametrize("host", ["primary", "secondary"])
def test_a_lock_out_is_undone_by_the_host(lab: Lab, host: str) -> None:
    before = state(lab, host)
    began = time.monotonic()
    output = lab.playbook(RUN, "-l", host, settings=LOCK_OUT, fails=True)
    told = re.sub(r"\s+", " ", output)
    assert f"After this change {host} lets nobody in" in told
    assert f"It undoes the change by itself, {SECONDS} s after it was made" in told
    # Nobody is let in meanwhile, and then everybody again, without anybody's help.
    assert "UNREACHABLE" in lab.playbook(RUN, "-l", host, fails=True)
    assert state(lab, host) != before
    # Somebody who looks in the meantime does not find a file missing that is there before and after.
    watch = (
        f"while [ -e {STATE}/ssh.before ] || [ -e {STATE}/ssh.undoing ]; do [ -e /etc/ssh/sshd_config ] || exit; done"
    )
    lab.run(host, "timeout", str(SECONDS), "sh", "-c", watch)
    assert state(lab, host) == before
    assert time.monotonic() - began < 2 * SECONDS
    assert changed(lab.playbook("site.yml", "-l", host, "--tags", "ssh")) == 0
    assert "DenyUsers" in lab.run(host, "cat", "/etc/ssh.undone/sshd_config.d/00-server-for-dummies.conf")
    assert left(lab, host) == ["/etc/ssh.undone"]
    lab.run(host, "rm", "-r", "/etc/ssh.undone")


# Whoever is locked out may turn it off and on again, also while it is being undone.
@pytest.mark.parametrize(
    ("host", "meanwhile"),
    [
        ("primary", "true"),
        ("secondary", "true"),
        ("primary", CLAIM),
        ("secondary", f"{CLAIM}; cp -a {STATE}/ssh.undoing/sshd_config.d /etc/ssh/ssh.old; rm /etc/ssh/user_ca.pub"),
    ],
)
def test_a_lock_out_is_undone_when_the_host_boots(lab: Lab, host: str, meanwhile: str) -> None:
    before = state(lab, host)
    lab.playbook(RUN, "-l", host, settings=LOCK_OUT | HOUR, fails=True)
    assert "UNREACHABLE" in lab.playbook(RUN, "-l", host, fails=True)
    lab.run(host, "sh", "-ec", meanwhile)
    lab.power_cycle(host)
    assert state(lab, host) == before
    assert changed(lab.playbook("site.yml", "-l", host, "--tags", "ssh")) == 0
    assert "DenyUsers" in lab.run(host, "cat", "/etc/ssh.undone/sshd_config.d/00-server-for-dummies.conf")
    assert left(lab, host) == ["/etc/ssh.undone"]
    lab.run(host, "rm", "-r", "/etc/ssh.undone")


def test_what_is_accepted_outlives_the_boot(lab: Lab) -> None:
    lab.playbook(RUN, "-l", "primary", settings={"openssh_options": {"DenyUsers": "nobody"}})
    assert left(lab, "primary") == []
    lab.power_cycle("primary")
    assert "denyusers nobody" in lab.run("primary", "sshd", "-T")
    lab.playbook(RUN, "-l", "primary")
    assert left(lab, "primary") == []
    assert changed(lab.playbook("site.yml")) == 0


def test_what_is_undone_is_what_was_there_when_the_controller_last_got_in(lab: Lab) -> None:
    before = state(lab, "primary")
    lab.playbook(RUN, "-l", "primary", settings=LOCK_OUT | HOUR, fails=True)
    # Somebody helps at the console.
    file = "/etc/ssh/sshd_config.d/00-server-for-dummies.conf"
    lab.run("primary", "sh", "-ec", f"sed -i 's/DenyUsers root/DenyUsers nobody/' {file}; systemctl reload ssh")
    lab.playbook(RUN, "-l", "primary", settings=LOCK_OUT, fails=True)
    assert state(lab, "primary") != before
    wait_until(lambda: state(lab, "primary") == before, SECONDS)
    assert changed(lab.playbook("site.yml", "-l", "primary", "--tags", "ssh")) == 0
    assert left(lab, "primary") == ["/etc/ssh.undone"]
    lab.run("primary", "rm", "-r", "/etc/ssh.undone")


def test_a_run_that_is_killed_after_the_change_leaves_nobody_locked_out(lab: Lab) -> None:
    before = state(lab, "primary")
    run = lab.popen(RUN, "-l", "primary", settings=LOCK_OUT)
    wait_until(lambda: "denyusers root" in lab.run("primary", "sshd", "-T"), 60)
    run.kill()
    run.communicate()
    wait_until(lambda: state(lab, "primary") == before, 2 * SECONDS)
    assert changed(lab.playbook("site.yml", "-l", "primary", "--tags", "ssh")) == 0
    lab.run("primary", "rm", "-r", "/etc/ssh.undone")


def test_a_change_that_a_killed_run_has_made_is_accepted_by_the_next(lab: Lab) -> None:
    before = state(lab, "primary")
    settings = {"openssh_options": {"LoginGraceTime": 77}, "openssh_undo_seconds": SECONDS}
    run = lab.popen(RUN, "-l", "primary", settings=settings)
    lab.run("primary", "timeout", "60", "sh", "-c", "until sshd -T | grep -qx 'logingracetime 77'; do sleep 0.05; done")
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()
    assert f"{STATE}/ssh.before" in left(lab, "primary")  # nobody has come in since
    lab.playbook(RUN, "-l", "primary", settings=settings)
    assert left(lab, "primary") == []
    assert "logingracetime 77" in lab.run("primary", "sshd", "-T")
    lab.playbook("site.yml", "-l", "primary", "--tags", "ssh")
    assert (state(lab, "primary"), left(lab, "primary")) == (before, [])


def test_a_change_that_a_killed_run_has_not_come_to_leaves_nothing_behind(lab: Lab) -> None:
    settings = {"openssh_options": {"LoginGraceTime": 77}, "openssh_undo_seconds": 3600}
    before = state(lab, "primary")
    run = lab.popen(RUN, "-l", "primary", settings=settings)
    lab.run("primary", "timeout", "60", "sh", "-c", f"until [ -e {STATE}/ssh.before ]; do sleep 0.01; done")
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()
    assert state(lab, "primary") == before
    lab.playbook(RUN, "-l", "primary", settings=settings)
    assert "logingracetime 77" in lab.run("primary", "sshd", "-T")
    assert left(lab, "primary") == []
    lab.playbook("site.yml", "-l", "primary", "--tags", "ssh")
    assert (state(lab, "primary"), left(lab, "primary")) == (before, [])


def fingerprint(lab: Lab, name: str) -> str:
    argv = ["ssh-keygen", "-l", "-f", lab.secrets().parent / "ssh-ca" / f"{name}.pub"]
    return subprocess.run(argv, text=True, capture_output=True, check=True).stdout.split()[1]


def test_other_authorities_take_over_and_each_certificate_is_believed_meanwhile(lab: Lab) -> None:
    file = "/etc/ssh/user_certificates/user-user1.pub"
    lab.run("client", "cp", file, "/home/user1/former.pub")
    alone = ("-F", "none", "-o", "GlobalKnownHostsFile=/etc/ssh/known_authorities", "-o", "StrictHostKeyChecking=yes")
    former = (*alone, "-o", "CertificateFile=/home/user1/former.pub")
    for numbers, hosts, of_host, of_user, is_due in (
        ([1, 2], [], "host", "user", False),
        ([2, 1], ["-l", "primary"], "host-2", "user", True),
        ([2, 1], [], "host-2", "user-2", True),
        ([2], [], "host-2", "user-2", False),
        ([2, 1], [], "host-2", "user-2", False),
        ([1, 2], ["-l", "client"], "host-2", "user", True),
        ([1, 2], [], "host", "user", True),
        ([1], [], "host", "user", False),
    ):
        settings = {"openssh_authorities": numbers}
        output = " ".join(lab.playbook(RUN, *hosts, settings=settings).split())
        assert lab.log_in() == "in\n", (numbers, hosts)
        assert f"CA ssh-ed25519 {fingerprint(lab, of_host)}" in lab.log_in("-v"), (numbers, hosts)
        assert fingerprint(lab, of_user) in lab.run("client", "ssh-keygen", "-L", "-f", file), (numbers, hosts)
        assert (lab.log_in(*former) == "in\n") == (1 in numbers), numbers
        assert ("its authority is no longer the first one" in output) == is_due, output
        assert changed(lab.playbook(RUN, *hosts, settings=settings)) == 0
    lab.run("client", "rm", "/home/user1/former.pub")
    assert changed(lab.playbook("site.yml", "--tags", "ssh")) == 0
