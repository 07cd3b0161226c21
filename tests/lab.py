"""A running lab, as the tests see it: playbooks are run on it, and commands on its hosts."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

TOP = Path(__file__).resolve().parent.parent
# Who holds this lock on a host asks its resolver something: one that forgets all meanwhile answers SERVFAIL.
ASKING = "/run/asking"


class Lab:
    """The lab that the environment names (LAB_NAME, LAB_NET, LAB_BUILD), by default the one of `make lab`."""

    def __init__(self) -> None:
        """Take what the environment does not say from the project."""
        self.name = os.environ.get("LAB_NAME", "sfd-lab")
        self.net = int(os.environ.get("LAB_NET", "22"))
        self.env = {
            **os.environ,
            "ANSIBLE_CONFIG": str(TOP / "ansible.cfg"),
            "ANSIBLE_FORCE_COLOR": "0",  # Molecule asks for colours
            "ANSIBLE_NOCOLOR": "1",
            "LAB_BUILD": os.environ.get("LAB_BUILD", str(TOP / "build")),
        }
        self.env.pop("FORCE_COLOR", None)

    def address(self, number: int) -> str:
        """Return the IPv4 address of a host of the local network by its last part."""
        return f"172.16.{self.net}.{number}"

    def container(self, host: str) -> str:
        """Return the name of a host's container."""
        return f"{self.name}-{host}"

    def release(self, host: str) -> str:
        """Return the release of a host's Debian, such as 13."""
        return self.run(host, "sh", "-c", ". /etc/os-release; echo $VERSION_ID").strip()

    def secrets(self) -> Path:
        """Return the folder of the lab's secrets."""
        return Path(self.env["LAB_BUILD"]) / self.name / "secrets"

    def popen(self, playbook: str, *arguments: str, settings: dict[str, Any] | None = None) -> subprocess.Popen:
        """Start a playbook, with settings in place of those in group_vars."""
        argv = ["ansible-playbook", "-i", "inventory/lab", playbook, *arguments]
        if settings:
            argv += ["-e", json.dumps(settings)]
        return subprocess.Popen(
            argv,
            cwd=TOP,
            env=self.env,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def playbook(
        self, playbook: str, *arguments: str, settings: dict[str, Any] | None = None, fails: bool = False
    ) -> str:
        """Run a playbook; return what it printed, and demand that it ends as expected."""
        process = self.popen(playbook, *arguments, settings=settings)
        try:
            output, _ = process.communicate(timeout=600)
        except subprocess.TimeoutExpired:  # it would go on beside the next one
            os.killpg(process.pid, signal.SIGKILL)
            raise
        assert (process.returncode != 0) == fails, output
        return output

    def run(self, host: str, *argv: str, check: bool = True) -> str:
        """Run a command on a host; return what it printed."""
        done = subprocess.run(
            ["docker", "exec", self.container(host), *argv],
            text=True,
            capture_output=True,
            check=False,
        )
        assert not check or done.returncode == 0, f"{host}: {argv}: {done.stdout}{done.stderr}"
        return done.stdout

    def copy(self, source: str, path: str, target: str, copy: str) -> None:
        """Copy a text from a host to another one."""
        text = self.run(source, "cat", path)
        self.run(target, "sh", "-c", 'printf %s "$1" >"$2"', "sh", text, copy)

    def dig(self, *arguments: str, host: str = "client") -> list[str]:
        """Return the lines of `dig +short` on a host."""
        return self.run(host, "dig", "+short", "+time=2", "+tries=1", *arguments, check=False).splitlines()

    def log_in(self, *options: str, user: str = "user1", host: str = "st.um", command: str = "echo in") -> str:
        """Log in from the client, by default as its user to the same user, and return all that is printed."""
        script = 'cd / && exec runuser -u user1 -- ssh -o BatchMode=yes -o ConnectTimeout=3 "$@" 2>&1'
        return self.run("client", "sh", "-c", script, "sh", *options, f"{user}@{host}", command, check=False)

    def rebuild(self, host: str) -> None:
        """Lose a host with all that is on it, and get a blank one."""
        subprocess.run(["docker", "rm", "--force", "--volumes", self.container(host)], check=True, capture_output=True)
        self.playbook("lab/create.yml")

    def power_cycle(self, host: str, *states: str) -> None:
        """Take a host's power away, give it back, and wait until it is running, or in another state (systemctl(1))."""
        resolvers = self.run(host, "cat", "/etc/resolv.conf")
        subprocess.run(["docker", "restart", "-t", "0", self.container(host)], check=True, capture_output=True)
        wait_until(
            lambda: self.run(host, "systemctl", "is-system-running", check=False).strip() in ("running", *states), 60
        )
        # The engine writes that anew when a container starts; a machine would not.
        self.run(host, "sh", "-c", 'printf %s "$0" >/etc/resolv.conf', resolvers)

    def forget(self) -> None:
        """Take from the resolvers what they remember of others, as time does, between two questions."""
        for host in ("internet", "primary", "secondary"):  # which ask the first one
            self.run(host, "flock", ASKING, "rndc", "flush")

    def serial(self, server: int, zone: str = "st.um") -> int | None:
        """Return the serial of a zone that a server serves to the client."""
        words = [line.split() for line in self.dig(f"@{self.address(server)}", "+norecurse", zone, "SOA")]
        return int(words[0][2]) if words and len(words[0]) == 7 else None

    def probes(self, host: str = "client", *arguments: str) -> dict[str, dict[str, Any]]:
        """Run the probes on a host; return the results by the probes' names."""
        output = self.run(host, "python3", "-B", "/usr/local/lib/server-for-dummies/verify", *arguments, check=False)
        return {result["probe"]: result for result in json.loads(output)}

    def checksums(self, host: str) -> str:
        """Return the checksums and attributes of everything under /etc and where services keep their data."""
        folders = "/etc /var/lib/bind /var/lib/service_config /usr/local"
        # Not what named makes of a zone's file, at any time, nor how it does that, nor the files of dynamic zones.
        names = ["*.jn[lw]", "*.jbk", "*.signed", "tmp-??????????"]
        passed = [*(f"! -name '{name}'" for name in names), "! -path '/var/lib/bind/*.db'"]
        found = " ".join([f"find {folders} -xdev", *passed])
        script = f"{found} -printf '%p %m %u %g %l\\n' | LC_ALL=C sort; "
        script += f"{found} -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum"
        return self.run(host, "sh", "-c", script)


def changed(output: str) -> int:
    """Return how many tasks changed something, by the recap of a playbook's output; print which."""
    task = ""
    for line in output.splitlines():
        task = line if line.startswith("TASK [") else task
        if line.startswith("changed: "):
            print(task.rstrip("*"), line)  # pytest shows it when the test fails
    recap = output[output.rindex("PLAY RECAP") :]
    return sum(int(part.partition("=")[2]) for part in recap.split() if part.startswith("changed="))


def wait_until(condition: Callable[[], object], seconds: float = 20) -> None:
    """Wait for a condition, with a limit."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.1)
