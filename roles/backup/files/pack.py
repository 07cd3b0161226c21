"""Write what belongs to a backup of this host to the standard output, as a tar archive (POSIX.1-2001, pax).

It is run on the host, by root, with one argument, JSON: {"items": [...], "exclude": [...]}. `exclude` has patterns
(fnmatch(3), but * stands for / as well) of paths that are left out. Each item has its name and, if there are any,

    dump    a script (sh) that is run in an empty folder; the files that it makes there are packed, and each line that
            it prints is one more pattern of paths
    paths   patterns (glob(7)) of files and folders, which are packed in this order, folders with all that is in them
    last    patterns, as in `exclude`, of the files that are packed when all others of the item are

Members are called files/ITEM/PATH and dumps/ITEM/FILE. The services go on meanwhile. What is moved from one folder to
another is not missed for that: after all files have been read, they are listed again and again, and what has not been
read is read at once, until nothing more is found. What has been read is known by its inode, so that it is there once.
A file that shrinks while it is read is filled up with zeros, and told of. The archive gets its end when all has gone
well.
The last line of the standard error is a report, JSON: {"files": 7, "bytes": 7000, "changed": ["/a/file"]}.
"""

import glob
import json
import os
import stat
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from fnmatch import fnmatch
from typing import IO, Any

ROUNDS = 100  # listings of an item at most: new files that come all the time do not keep it for ever
IDLE = 3  # listings without anything new, after which what was seen and could not be read is taken for deleted
CHUNK = 1 << 20
KINDS = (stat.S_ISREG, stat.S_ISDIR, stat.S_ISLNK)


class Item:
    """One item's files, and the archive that they go to."""

    def __init__(self, tar: tarfile.TarFile, name: str, exclude: list[str]) -> None:
        """Begin an item; `exclude` has patterns of paths that are left out."""
        self.tar, self.name, self.exclude = tar, name, exclude
        self.report: dict[str, Any] = {"files": 0, "bytes": 0, "changed": []}
        self._paths: set[str] = set()
        self._names: dict[tuple[int, ...], str] = {}  # by what is packed under them
        for folder in ("files", "dumps"):  # so that each item can be asked for
            self.tar.addfile(directory(f"{folder}/{name}"))

    def pack(self, patterns: list[str], last: list[str]) -> None:
        """Pack all that patterns of paths lead to, and the files that fit `last` at the end."""

        def waits(path: str) -> bool:
            return any(fnmatch(path, pattern) for pattern in last)

        gone = {inode(info) for path, info in [*self._found(patterns)] if not waits(path) and not self._add(path, info)}
        idle = 0
        for _ in range(ROUNDS):
            found = [
                self._add(path, info)
                for path, info in self._found(patterns)
                if not waits(path) and self._is_fresh(path, info)
            ]
            gone -= self._names.keys()
            idle = 0 if any(found) else idle + 1
            if idle == (IDLE if gone else 1):
                break
        for path, info in self._found(patterns) if last else []:
            if waits(path):
                self._add(path, info)

    def dump(self, folder: str) -> None:
        """Pack what a script has made in a folder."""
        for name in sorted(os.listdir(folder)):
            self._write(os.path.join(folder, name), f"dumps/{self.name}/{name}")

    def _found(self, patterns: list[str]) -> Iterator[tuple[str, os.stat_result]]:
        for pattern in patterns:
            for path in sorted(glob.glob(pattern)):
                yield from self._below(path)

    def _below(self, path: str) -> Iterator[tuple[str, os.stat_result]]:
        """List a path, and what is below it. What is gone by then is passed over."""
        if any(fnmatch(path, pattern) for pattern in self.exclude):
            return
        try:
            info = os.lstat(path)
            if not any(kind(info.st_mode) for kind in KINDS):
                return  # such as a socket
            yield path, info
            names = sorted(os.listdir(path)) if stat.S_ISDIR(info.st_mode) else []
        except (FileNotFoundError, NotADirectoryError):
            return
        for name in names:
            yield from self._below(os.path.join(path, name))

    def _is_fresh(self, path: str, info: os.stat_result) -> bool:
        """Tell whether neither a path nor what is there has been packed already, maybe under another name."""
        return path not in self._paths and inode(info) not in self._names

    def _add(self, path: str, info: os.stat_result) -> bool:
        """Pack a path; return whether it was still there."""
        name = f"files/{self.name}{path}"
        packed = (self._write if stat.S_ISREG(info.st_mode) else self._note)(path, name)
        if packed:
            self._paths.add(path)
            self._names.setdefault(inode(info), name)
        return packed

    def _note(self, path: str, name: str) -> bool:
        """Pack a folder or a link; return whether it was there."""
        try:
            self.tar.addfile(self.tar.gettarinfo(path, name))
        except FileNotFoundError:
            return False
        return True

    def _write(self, path: str, name: str) -> bool:
        """Pack a file; return whether it was there."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            if os.path.lexists(path) and not os.path.islink(path):
                raise
            return False
        with open(descriptor, "rb") as file:
            self.tar.inodes.clear()  # it would take a new file that has an old one's number for a link to that
            self.tar.members.clear()
            info = self.tar.gettarinfo(arcname=name, fileobj=file)
            if not info.isreg():  # something else has taken its place
                return False
            there = os.fstat(descriptor)
            if there.st_nlink > 1 and (first := self._names.get(inode(there))):
                info.type, info.linkname, info.size = tarfile.LNKTYPE, first, 0
            whole = Whole(file, info.size)
            self.tar.addfile(info, whole)
        self.report["files"] += 1
        self.report["bytes"] += info.size
        if whole.short:
            self.report["changed"].append(path)
        return True


class Whole:
    """A file that always has the size that it had at first, for a tar archive tells the size before the content."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        """Read from a file as many octets as it has."""
        self.file, self.left, self.short = file, size, False

    def read(self, size: int) -> bytes:
        """Read so many octets, with zeros in the place of those that are gone."""
        wanted = min(size, self.left)
        data = self.file.read(wanted)
        if len(data) < wanted:
            self.short = True
            data += bytes(wanted - len(data))
        self.left -= wanted
        return data


def directory(name: str) -> tarfile.TarInfo:
    """Return a folder of root's that is nowhere on the host."""
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.uname, info.gname = tarfile.DIRTYPE, 0o700, "root", "root"
    return info


def inode(info: os.stat_result) -> tuple[int, ...]:
    """Return what a file keeps when it is moved; a number that has been given to another file is told by the rest."""
    return info.st_dev, info.st_ino, info.st_mtime_ns, info.st_size


def pack(items: list[dict[str, Any]], exclude: list[str], output: IO[bytes]) -> dict[str, Any]:
    """Write the archive, and return the report."""
    report: dict[str, Any] = {"files": 0, "bytes": 0, "changed": []}
    # After an error, it writes no end.
    with tarfile.open(fileobj=output, mode="w|", bufsize=CHUNK, format=tarfile.PAX_FORMAT, copybufsize=CHUNK) as tar:
        for given in items:
            item = Item(tar, given["name"], exclude)
            with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:  # /tmp may be memory
                paths = given.get("paths", [])
                if script := given.get("dump", ""):
                    done = subprocess.run(["/bin/sh", "-ec", script], cwd=folder, stdout=subprocess.PIPE, text=True)
                    if done.returncode:
                        raise SystemExit(f"{given['name']} could not be dumped (exit status {done.returncode})")
                    paths = [*paths, *done.stdout.splitlines()]
                item.pack(paths, given.get("last", []))
                item.dump(folder)
            report = {what: report[what] + item.report[what] for what in report}
    output.flush()
    return report


if __name__ == "__main__":
    print(json.dumps(pack(**json.loads(sys.argv[1]), output=sys.stdout.buffer)), file=sys.stderr)
