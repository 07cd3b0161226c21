#!/usr/bin/env python3
"""What the lab needs around its containers: a Docker engine, images, a caching package proxy.

The containers and their network are made by create.yml, on top of this. Every command skips what is there already.
Only the standard library is used; the paths are relative to the project's top folder.
"""

import argparse
import contextlib
import fcntl
import hashlib
import inspect
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
BUILD = TOP / "build"
IMAGE_FILES = TOP / "lab" / "image"
RELEASES = {"12": "bookworm", "13": "trixie"}
# What a host has before we provision it: an installed Debian with SSH, Python, and what systemd needs in a container.
IMAGE_PACKAGES = ["ca-certificates", "dbus", "iproute2", "iputils-ping", "kmod", "mount", "netcat-openbsd"]
IMAGE_PACKAGES += ["openssh-server", "procps", "python3", "python3-apt", "systemd", "systemd-sysv", "udev"]
# The engine belongs to the machine, not to one checkout.
ENGINE_STATE = Path("/run/server-for-dummies")
ENGINE_PID = ENGINE_STATE / "dockerd.pid"


def say(text: str) -> None:
    """Tell the person what happens, at once even when the output is a pipe."""
    print(text, flush=True)


def run(*argv: str, **options) -> subprocess.CompletedProcess:
    """Run a program; its output is kept for the error message.

    Raises:
        SystemExit: with the program's own words, when it fails.
    """
    done = subprocess.run(argv, text=True, capture_output=True, check=False, **options)
    if done.returncode:
        sys.exit(f"{' '.join(argv)}\nfailed with exit status {done.returncode}:\n{done.stdout}{done.stderr}")
    return done


def wait_for(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait until the condition holds.

    Raises:
        SystemExit: when it still does not hold after that many seconds.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f"{what}: not after {seconds:g} s")
        time.sleep(0.1)


def alive(pid_file: Path) -> int | None:
    """Return the process id in the file if such a process runs."""
    try:
        pid = int(pid_file.read_text())
        os.kill(pid, 0)
    except (FileNotFoundError, ValueError, ProcessLookupError):
        return None
    return pid


def start_daemon(argv: list[str], pid_file: Path, log: Path) -> subprocess.Popen:
    """Start a program that outlives us, and note its process id."""
    with log.open("ab") as output:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
    pid_file.write_text(f"{process.pid}\n")
    return process


def stop_daemon(pid_file: Path, seconds: float) -> None:
    """End the program whose process id is in the file, and wait for its end."""
    if pid := alive(pid_file):
        os.kill(pid, signal.SIGTERM)
        wait_for(lambda: alive(pid_file) is None, seconds, f"end of process {pid}")
    pid_file.unlink(missing_ok=True)


def engine_answers() -> bool:
    """Return whether a Docker engine answers us."""
    return subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0


@contextlib.contextmanager
def engine_lock() -> Iterator[None]:
    """Let one process at a time start or stop the engine."""
    ENGINE_STATE.mkdir(exist_ok=True)
    with (ENGINE_STATE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def engine_up(_: argparse.Namespace) -> None:
    """Start the Docker engine, unless one answers."""
    if engine_answers():
        return
    if os.geteuid() != 0:
        sys.exit("No Docker engine answers: start it (sudo systemctl start docker) and join the group docker")
    with engine_lock():
        if engine_answers():
            return
        if Path("/run/systemd/system").exists():
            run("systemctl", "start", "docker")
        else:
            process = start_daemon(["/usr/sbin/dockerd"], ENGINE_PID, ENGINE_STATE / "dockerd.log")
            wait_for(lambda: engine_answers() or process.poll() is not None, 60, "An answer of the Docker engine")
        if not engine_answers():
            sys.exit(f"The Docker engine does not start: see {ENGINE_STATE / 'dockerd.log'}")


def engine_down(_: argparse.Namespace) -> None:
    """Stop the Docker engine if we started it and nobody has a container in it."""
    if os.geteuid() != 0 or not alive(ENGINE_PID):
        return
    with engine_lock():
        if not engine_answers() or not run("docker", "ps", "--all", "--quiet").stdout:
            stop_daemon(ENGINE_PID, 60)


def image_name(release: str) -> str:
    """Return the image's name; its tag changes when the recipe does."""
    recipe = hashlib.sha256(" ".join([inspect.getsource(build_image), *IMAGE_PACKAGES]).encode())
    for path in sorted(IMAGE_FILES.iterdir()):
        recipe.update(path.read_bytes())
    return f"server-for-dummies/debian{release}:{recipe.hexdigest()[:12]}"


def build_image(release: str) -> subprocess.Popen:
    """Start building one release's image from Debian's own packages."""
    hooks = [
        f"copy-in {IMAGE_FILES}/lab-network /usr/local/sbin",
        f"copy-in {IMAGE_FILES}/lab-network.service /etc/systemd/system",
        'chmod 0755 "$1/usr/local/sbin/lab-network"',
        'rm -f "$1"/etc/ssh/ssh_host_*',
        # As images for containers have it: their disks need not outlive a power cut in the middle of a package.
        'echo force-unsafe-io >"$1/etc/dpkg/dpkg.cfg.d/lab"',
        'chroot "$1" systemctl enable lab-network.service',
        # Not a service's business, and a source of noise in a container.
        'chroot "$1" systemctl mask systemd-udevd.service getty.target apt-daily.timer apt-daily-upgrade.timer',
    ]
    archive = BUILD / f"debian{release}.tar"
    mmdebstrap = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(IMAGE_PACKAGES)}"]
    mmdebstrap += ["--skip=cleanup/apt/lists"]  # a host then has them, as an installed one does
    mmdebstrap += [f"--customize-hook={hook}" for hook in hooks]
    say(f"Building the image of Debian {release} ...")
    with (BUILD / f"debian{release}.log").open("w") as log:
        return subprocess.Popen([*mmdebstrap, RELEASES[release], archive], stderr=log)


def images(_: argparse.Namespace) -> None:
    """Build the images that are not there."""
    BUILD.mkdir(exist_ok=True)
    wanted = {release: image_name(release) for release in RELEASES}
    present = run("docker", "images", "--format", "{{.Repository}}:{{.Tag}}").stdout.split()
    builds = {release: build_image(release) for release in RELEASES if wanted[release] not in present}
    for release, build in builds.items():
        if build.wait():
            sys.exit(f"mmdebstrap failed:\n{(BUILD / f'debian{release}.log').read_text()[-2000:]}")
        archive = BUILD / f"debian{release}.tar"
        run("docker", "import", "--change", 'CMD ["/sbin/init"]', str(archive), wanted[release])
        archive.unlink()


def show_images(_: argparse.Namespace) -> None:
    """Print each release and its image, one a line."""
    for release in RELEASES:
        print(release, image_name(release))


def proxy_up(arguments: argparse.Namespace) -> None:
    """Start the caching package proxy on one address (the lab's gateway, from which only the lab can reach it)."""
    state = BUILD / arguments.lab / "proxy"
    cache = BUILD / "cache" / arguments.lab
    if alive(state / "pid"):
        return
    for folder in (state, cache):
        folder.mkdir(parents=True, exist_ok=True)
    # All of its configuration is here: the packaged one is not read.
    (state / "acng.conf").write_text(
        f"BindAddress: {arguments.address}\nPort: 3142\nCacheDir: {cache}\nLogDir: {state}\nPidFile: {state}/acng.pid\n"
        f"SupportDir: /usr/lib/apt-cacher-ng\nForeGround: 1\nReportPage:\nExThreshold: 30\n"
    )
    process = start_daemon(["/usr/sbin/apt-cacher-ng", "-c", str(state)], state / "pid", state / "output.log")

    def listening() -> bool:
        if process.poll() is not None:
            sys.exit(f"The package proxy ended: {(state / 'output.log').read_text()[-2000:]}")
        # The socket table of this machine: nothing is sent to the lab's addresses.
        words = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
        address = "".join(f"{int(octet):02X}" for octet in reversed(arguments.address.split(".")))
        return any(word[1] == f"{address}:{3142:04X}" and word[3] == "0A" for word in words)

    wait_for(listening, 20, "The package proxy's socket")


def proxy_down(arguments: argparse.Namespace) -> None:
    """Stop the caching package proxy; what it has cached stays."""
    state = BUILD / arguments.lab / "proxy"
    stop_daemon(state / "pid", 20)
    shutil.rmtree(state, ignore_errors=True)


def is_up(arguments: argparse.Namespace) -> None:
    """Tell by the exit status whether a lab's containers and its proxy run."""
    running = run("docker", "ps", "--format", "{{.Names}}").stdout.split()
    wanted = {f"{arguments.lab}-{host}" for host in arguments.hosts}
    sys.exit(not (alive(BUILD / arguments.lab / "proxy" / "pid") and wanted <= set(running)))


def main() -> None:
    """Run one command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, function in {
        "engine-up": engine_up,
        "engine-down": engine_down,
        "images": images,
        "show-images": show_images,
        "is-up": is_up,
        "proxy-up": proxy_up,
        "proxy-down": proxy_down,
    }.items():
        command = commands.add_parser(name, help=function.__doc__)
        command.set_defaults(function=function)
        if name.startswith("proxy") or name == "is-up":
            command.add_argument("lab", help="the lab's name")
        if name == "is-up":
            command.add_argument("hosts", nargs="+", help="its hosts")
        if name == "proxy-up":
            command.add_argument("address", help="the IPv4 address to listen on")
    arguments = parser.parse_args()
    arguments.function(arguments)


if __name__ == "__main__":
    main()
