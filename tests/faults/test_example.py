"""The way to real machines, walked on fresh ones: what is typed is what README.md says, and nothing else."""

import itertools
import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Self

import pytest

from lab import TOP, Lab, changed
from readme import blocks

EXAMPLE = TOP / "inventory" / "example"
HOSTS = ("primary", "secondary", "client")
# Debian's own Python has to be the one that the environment was made with.
RELEASE = {(3, 11): "12", (3, 13): "13"}.get(sys.version_info[:2])
PROJECT = "/home/me/project"
PROMPT = re.compile(r"\[(\d+)\]> $")
INSTALL = "DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install >/dev/null"
PROXY = "/etc/apt/apt.conf.d/00lab-proxy"
# The environment that is copied gets Debian's Python.
PREPARE = f"""
useradd --shell /bin/bash me
echo 'me ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/me
cd {PROJECT}
rm .venv/bin/python*
python3 -m venv --without-pip .venv
grep -lI '^#!{{0}}/' .venv/bin/* | xargs sed -i '1s#{{0}}#{PROJECT}/.venv#'
touch .venv/.installed
chown -R me: /home/me
"""
PASSWORDS = {"admin": "admin's long word", "vault": "correct horse"}
# What somebody answers. Nobody is asked for anything else.
ANSWERS = {
    r"(?i)vault password[^:\n]*: $": PASSWORDS["vault"],
    r"(New|Retype new|BECOME) password: $": PASSWORDS["admin"],
    r"admin@[0-9.]+'s password: $": PASSWORDS["admin"],
    r"(Full Name|Room Number|Work Phone|Home Phone|Other) \[\]: $": "",
    r"\[Y/n\] $": "",
    r"Enter (file in which to save the key|passphrase|same passphrase again).*: $": "",
}
CONFIRM = re.compile(r"key fingerprint is (SHA256:\S+?)\.\s.*\(yes/no/\[fingerprint\]\)\? $", re.DOTALL)


class Terminal:
    """A shell on a host, at which somebody types commands and answers what is asked."""

    def __init__(self, container: str, *options: str, fingerprints: Callable[[], list[str]] = list) -> None:
        self.fingerprints = fingerprints
        self.terminal, end = pty.openpty()
        shell = ["env", "PS1=[$?]> ", "TERM=dumb", "LANG=C.UTF-8", "bash", "--norc", "--noediting", "-i"]
        argv = ["docker", "exec", "--interactive", "--tty", *options, container, *shell]
        self.process = subprocess.Popen(argv, stdin=end, stdout=end, stderr=end, start_new_session=True)
        os.close(end)
        self.wait(60)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.terminal)
        self.process.wait(20)

    def wait(self, seconds: float) -> tuple[int, str]:
        """Answer what is asked until a command can be typed; return the last one's status, and what was shown."""
        deadline, text, answered = time.monotonic() + seconds, "", 0
        while True:
            ready, _, _ = select.select([self.terminal], [], [], max(0, deadline - time.monotonic()))
            assert ready, f"not within {seconds} s:\n{text}"
            text += os.read(self.terminal, 65536).decode(errors="replace").replace("\r\n", "\n")
            if prompt := PROMPT.search(text[-20:]):
                return int(prompt[1]), text
            if (reply := self.reply(text[answered:][-1000:])) is not None:
                answered = len(text)
                os.write(self.terminal, f"{reply}\n".encode())

    def reply(self, text: str) -> str | None:
        """Return the answer to the question at the end of a text."""
        if confirm := CONFIRM.search(text):
            assert confirm[1] in self.fingerprints(), text  # as the machine says on its console
            return "yes"
        return next((answer for question, answer in ANSWERS.items() if re.search(question, text)), None)

    def type(self, line: str) -> str:
        """Type a command that has to succeed, and return what it showed."""
        os.write(self.terminal, f"{line}\n".encode())
        status, text = self.wait(900)
        print(text)  # pytest shows it when the test fails
        assert status == 0, line
        return text


def pipe(source: list[str], target: list[str]) -> None:
    """Give what a command prints to another one."""
    with subprocess.Popen(source, cwd=TOP, stdout=subprocess.PIPE) as process:
        subprocess.run(target, stdin=process.stdout, check=True)
    assert process.returncode == 0


@pytest.fixture(scope="module")
def machines() -> Iterator[Lab]:
    """Three bare machines."""
    lab = Lab()
    lab.name, lab.net = "sfd-example", 34
    lab.env |= {"LAB_NAME": lab.name, "LAB_NET": str(lab.net)}
    try:
        lab.playbook("lab/create.yml", "-l", "lab:!internet")
        for host in ("primary", "secondary", "client"):  # which the lab's image has masked, and Debian has not
            lab.run(host, "systemctl", "unmask", "apt-daily-upgrade.timer")
        yield lab
    finally:
        lab.playbook("lab/destroy.yml")


@pytest.fixture(scope="module")
def project(machines: Lab) -> Iterator[None]:
    """A fourth machine, `controller`, which has somebody with the project and its Python environment."""
    assert RELEASE, f"no Debian has Python {sys.version}"
    shown = subprocess.run([TOP / "lab" / "lab.py", "show-images"], check=True, capture_output=True, text=True).stdout
    container, image = machines.container("controller"), dict(line.split() for line in shown.splitlines())[RELEASE]
    options = ["--detach", "--init", "--name", container, "--network", machines.name, "--dns", "127.0.0.1"]
    subprocess.run(["docker", "run", *options, image, "sleep", "infinity"], check=True, capture_output=True)
    try:
        machines.copy("primary", PROXY, "controller", PROXY)
        machines.run("controller", "sh", "-ec", f"{INSTALL} sudo; mkdir -p {PROJECT}/.venv")
        files = "git ls-files -z --cached --others --exclude-standard | tar --create --null --files-from=-"
        extract = ["docker", "exec", "--interactive", container, "tar", "--extract", "--directory"]
        pipe(["sh", "-c", files], [*extract, PROJECT])
        pipe(["tar", "--create", "--directory", sys.prefix, "bin", "lib"], [*extract, f"{PROJECT}/.venv"])
        machines.run("controller", "sh", "-ec", PREPARE.format(sys.prefix))
        yield
    finally:
        subprocess.run(["docker", "rm", "--force", "--volumes", container], check=True, capture_output=True)


@pytest.mark.usefixtures("project")
def test_who_follows_the_readme_gets_there(machines: Lab) -> None:
    on_machines, *on_controller = blocks("On real machines")
    for host in HOSTS:
        with Terminal(machines.container(host)) as console:
            for line in on_machines:
                console.type(line)

    def fingerprints() -> list[str]:
        shown = [machines.run(host, "ssh-keygen", "-lf", "/etc/ssh/ssh_host_ed25519_key.pub") for host in HOSTS]
        return [line.split()[1] for line in shown]

    options = ["--user", "me", "--workdir", PROJECT, "--env", "HOME=/home/me"]
    with Terminal(machines.container("controller"), *options, fingerprints=fingerprints) as controller:
        shown = {}
        for line in itertools.chain(*on_controller):
            # The networks of whoever reads it
            own = line.replace("10.0.0.", machines.address(0)[:-1]).replace(
                "fd00:0:0:1:", f"fd53:4644:0:{machines.net}:"
            )
            shown[line] = controller.type(own)
            if "apt install" in line:
                controller.type("lab/bootstrap.sh python")  # it names what is missing
        (run,) = [line for line in shown if line.startswith("ansible-playbook") and "--check" not in line]
        assert changed(shown[run]) > 0
        assert changed(controller.type(run)) == 0
    results = json.loads(machines.run("controller", "cat", f"{PROJECT}/build/verify.json"))
    assert {result["from"] for result in results} == set(HOSTS)
    assert [result for result in results if not result["ok"]] == []
    assert machines.dig("ns1.example.net") == [machines.address(135)]


@pytest.mark.usefixtures("project")
def test_virtual_machines_have_the_user_by_whom_ansible_logs_in(machines: Lab) -> None:
    def run(script: str) -> str:
        return machines.run("controller", "sh", "-ec", script)

    def user() -> list[str]:
        """Return the user's id with sudo, whose the keys are, and the keys."""
        return run(
            "runuser -u admin -- sudo -n id -u; cd ~admin/.ssh; stat -c '%U %a' authorized_keys; cat authorized_keys"
        ).splitlines()

    run(f"{INSTALL} cloud-init vagrant")
    folder = f"{PROJECT}/inventory/example"
    run(f"cloud-init schema --config-file {folder}/user-data")
    run(f"cloud-init --file {folder}/user-data single --name users-groups")
    (key,) = re.findall(r"ssh_authorized_keys: \[(.*)\]", (EXAMPLE / "user-data").read_text())
    assert user() == ["0", "admin 600", key]

    run("userdel --remove admin; rm /etc/sudoers.d/90-cloud-init-users; useradd vagrant")
    run("ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_ed25519")
    key = run("cat ~/.ssh/id_ed25519.pub").strip()
    run(f"cd {folder} && vagrant validate --ignore-provider")
    (script,) = re.findall(
        r'"shell", inline: <<~SHELL\n(.*?)\n *SHELL', (EXAMPLE / "Vagrantfile").read_text(), re.DOTALL
    )
    run(script.replace("#{user}", "admin").replace("#{key}", key))
    assert user() == ["0", "admin 644", key]
    assert "sudo" in run("id -Gn vagrant").split()
