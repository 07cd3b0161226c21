"""A run is killed before each of its changes, on a lab host, with a service of the test's own under its systemd."""

import importlib.util
import io
import json
import subprocess
import tarfile
from pathlib import Path

import pytest

from lab import Lab

LAB_HOST = Lab().container("primary")
HOME = "/root/service_config_test"
ETC = f"{HOME}/etc"
UNIT = "service-config-test"
ROOT = Path(__file__).parents[2]

# The service: it loads the files of etc when it is started or reloaded, and tells which they are. It asks for no port.
SERVICE = """
import json, os, signal, socket, sys

def files():
    return {name: open(f"etc/{name}").read() for name in sorted(os.listdir("etc")) if not name.startswith(".")}

def load(*_):
    global loaded
    loaded = files()
    if "UNLOADABLE" in loaded["main.conf"]:
        sys.exit("main.conf:1: UNLOADABLE is not a word that I know")

def ask():
    with socket.socket(socket.AF_UNIX) as client:
        client.connect("socket")
        return json.loads(client.makefile().read())

if sys.argv[1] == "ask":
    print(json.dumps(ask()))
elif sys.argv[1] == "probe":
    served = ask()
    sys.exit(served != files() and f"{served} is served" or "MUTE" in served["main.conf"] and "no answer")
else:
    signal.signal(signal.SIGHUP, load)
    load()
    if os.path.exists("socket"):
        os.unlink("socket")
    server = socket.create_server("socket", family=socket.AF_UNIX)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
    while True:
        connection = server.accept()[0]
        connection.sendall(json.dumps(loaded).encode())
        connection.close()
"""
UNIT_FILE = f"""
[Service]
Type=notify
WorkingDirectory={HOME}
ExecStart=/usr/bin/python3 service.py serve
ExecReload=/bin/kill -HUP $MAINPID
[Install]
WantedBy=multi-user.target
"""
# As it was before: two files, one of them a mount, as /etc/resolv.conf is in a container, and no journal.
RESET = f"""
    umount {ETC}/mounted.conf 2>/dev/null || true
    rm -rf {ETC} {HOME}/state && mkdir {ETC}
    echo old >{ETC}/main.conf && echo old >{ETC}/x.zone && echo old >{ETC}/mounted.conf && echo old >{HOME}/mounted
    chmod 644 {ETC}/* {HOME}/mounted && mount --bind {HOME}/mounted {ETC}/mounted.conf
    systemctl reset-failed {UNIT} 2>/dev/null || true
"""
OLD = {"main.conf": "old\n", "mounted.conf": "old\n", "x.zone": "old\n"}
NEW = {"main.conf": "new\n", "mounted.conf": "new\n", "y.zone": "new\n"}


def run(*command, data=None):
    return subprocess.run(command, input=data, capture_output=True, check=False)


class Host:
    """A lab host with the module and the service on it."""

    def sh(self, script):
        """Run a script, which must succeed, and return what it prints."""
        done = run("docker", "exec", "-i", LAB_HOST, "sh", "-e", data=f"cd {HOME}\n{script}".encode())
        assert done.returncode == 0, (done.stdout + done.stderr).decode()
        return done.stdout.decode()

    def install(self):
        package = Path(importlib.util.find_spec("ansible").origin).parent
        unpacked = io.BytesIO()
        with tarfile.open(fileobj=unpacked, mode="w") as tar:
            for name in ("release.py", "module_utils"):
                tar.add(package / name, f"ansible/{name}")
            tar.add(ROOT / "library/service_config.py", "service_config.py")
            tar.add(Path(__file__).with_name("kill_at.py"), "kill_at.py")
        run("docker", "exec", LAB_HOST, "sh", "-c", f"umount {ETC}/mounted.conf; rm -rf {HOME}; mkdir {HOME}")
        run("docker", "exec", "-i", LAB_HOST, "tar", "-xC", HOME, data=unpacked.getvalue())
        self.write("ansible/__init__.py", "")
        self.write("service.py", SERVICE)
        self.write(f"/etc/systemd/system/{UNIT}.service", UNIT_FILE)
        self.sh(f"systemctl daemon-reload; systemctl stop {UNIT}")

    def remove(self):
        self.sh(
            f"systemctl disable --now {UNIT}; rm /etc/systemd/system/{UNIT}.service; systemctl daemon-reload;"
            f"umount {ETC}/mounted.conf || true; cd /; rm -r {HOME}"
        )

    def write(self, name, text):
        self.sh(f"cat >{name} <<'END'\n{text}\nEND")

    def arguments(self, content="new\n", **options):
        """Write the module's arguments."""
        common = {"owner": "root", "group": "root", "secret_content": None, "reload": None}
        common |= {"initial": False, "undo": None, "stale": []}
        files = [
            {"path": f"{ETC}/main.conf", "content": content, "mode": "0600"},
            {"path": f"{ETC}/mounted.conf", "content": "new\n", "mode": "0640"},
            {"path": f"{ETC}/y.zone", "content": "new\n", "mode": "0644"},
        ]
        arguments = {
            "name": "test",
            "state": "present",
            "unit": UNIT,
            "files": [common | file for file in files],
            "absent": [f"{ETC}/*.zone"],
            "discard": [],
            "keep": [],
            "check": ["sh", "-c", f"! grep BAD {ETC}/main.conf"],
            "reload": ["systemctl", "reload", UNIT],
            "probe": ["sh", "-c", f"cd {HOME} && python3 service.py probe"],
            "probe_timeout": 2,
            "state_dir": f"{HOME}/state",
        }
        self.write("arguments.json", json.dumps({"ANSIBLE_MODULE_ARGS": arguments | options}))

    def reset(self, *, active=True):
        on = f"systemctl enable -q {UNIT}; systemctl restart {UNIT}"
        off = f"systemctl disable -q --now {UNIT}"
        return f"{RESET}\n{on if active else off}\n"

    def change(self):
        """Run the module undisturbed and return its result."""
        return json.loads(self.sh("python3 service_config.py arguments.json 2>&1 || true"))

    def served(self):
        return json.loads(self.sh("python3 service.py ask"))

    def modes(self):
        return self.sh("stat -c %a etc/main.conf etc/mounted.conf").split()


@pytest.fixture(scope="module")
def host():
    host = Host()
    host.install()
    yield host
    host.remove()


def test_the_change_is_made_and_then_there_is_none(host):
    host.arguments()
    host.sh(host.reset(active=False))
    result = host.change()
    assert (result["changed"], result["recovered"], result.get("warnings", [])) == (True, False, [])
    assert result["actions"][-2:] == [f"started {UNIT}", f"enabled {UNIT}"]
    assert (host.served(), host.modes()) == (NEW, ["600", "640"])
    assert host.change()["changed"] is False


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("BAD\n", ["refuses the new configuration (exit status 1):\nBAD\nNothing is changed."]),
        ("MUTE\n", ["no answer", "The old files are back. The old configuration is in force again."]),
        ("UNLOADABLE\n", ["UNLOADABLE is not a word that I know", "The old configuration is in force again."]),
    ],
)
def test_a_bad_change_leaves_the_old_configuration_in_force(host, content, words):
    host.arguments(content)
    host.sh(host.reset())
    result = host.change()
    assert result["failed"]
    assert all(word in result["msg"] for word in words), result["msg"]
    assert (host.served(), host.modes()) == (OLD, ["644", "644"])


def test_a_unit_that_does_not_start_is_stopped_again_and_its_log_quoted(host):
    host.arguments("UNLOADABLE\n")
    host.sh(host.reset(active=False))
    message = host.change()["msg"]
    assert f"systemctl start {UNIT} failed" in message
    assert "UNLOADABLE is not a word that I know" in message
    assert message.endswith(f"The old files are back. {UNIT} is stopped again.")
    assert host.sh(f"systemctl show -P ActiveState,UnitFileState {UNIT}").split() == ["failed", "disabled"]


@pytest.mark.parametrize("active", [True, False])
def test_a_kill_at_any_moment_is_made_good_by_the_next_run(host, active):
    host.arguments()
    number, status = 0, "137"
    while status == "137":
        number += 1
        status, result, served, *rest = host.sh(f"""
            {host.reset(active=active)}
            python3 kill_at.py {number} service_config.py arguments.json >killed 2>&1 && echo 0 || echo $?
            python3 service_config.py arguments.json >result 2>&1 || true; tail -n 1 result
            python3 service.py ask; stat -c %a etc/m*; systemctl is-enabled {UNIT}; ls state/test
        """).splitlines()
        assert status in ("0", "137"), host.sh("cat killed")
        assert "failed" not in json.loads(result), (number, result)
        assert json.loads(served) == NEW, number
        assert rest == ["600", "640", "enabled", "lock", "original.json"], number
    assert number > 60, "the steps are not seen"
