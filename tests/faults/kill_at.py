"""Kill a Python program with SIGKILL just before its Nth change to the system.

As a program: kill_at.py N PROGRAM ARGUMENT... runs PROGRAM, and ends undisturbed if it makes fewer than N changes.
"""

import os
import runpy
import signal
import sys

CHANGES = {
    "fcntl.flock",
    "os.chmod",
    "os.chown",
    "os.link",
    "os.mkdir",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.symlink",
    "os.truncate",
    "subprocess.Popen",
}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


def kill_at(number: int) -> None:
    """From now on, count what this process changes, and kill it before change `number`."""
    count = 0

    def hook(event: str, arguments: tuple) -> None:
        nonlocal count
        if event in CHANGES or (event == "open" and arguments[2] & WRITING):
            count += 1
            if count == number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


if __name__ == "__main__":
    sys.dont_write_bytecode = True  # it would count
    sys.argv = sys.argv[1:]
    kill_at(int(sys.argv.pop(0)))
    runpy.run_path(sys.argv[0], run_name="__main__")
