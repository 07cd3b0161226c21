"""What a host writes to a backup, while its files come, go and move."""

import gc
import io
import itertools
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pack
import pytest


def packed(folder: Path, *, exclude: tuple[str, ...] = (), **item: object) -> tarfile.TarFile:
    """Pack a folder, and open the archive."""
    output = io.BytesIO()
    pack.pack([{"name": "mail", "paths": [str(folder)], **item}], [*exclude], output)
    output.seek(0)
    return tarfile.open(fileobj=output)


def files(archive: tarfile.TarFile, folder: Path) -> dict[str, bytes]:
    """Return the contents of an archive's files by their paths in the folder; none may be there twice."""
    members = [member for member in archive if member.isreg()]
    assert len({member.name for member in members}) == len(members)
    found = {member.name.removeprefix(f"files/mail{folder}/"): archive.extractfile(member).read() for member in members}
    assert all(not name.startswith("files/") for name in found)
    return found


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture
def mailbox(tmp_path: Path) -> Path:
    folder = tmp_path / "Maildir"
    for name in ("cur", "new", "tmp", ".Archive/cur", ".Archive/new"):
        (folder / name).mkdir(parents=True)
    for name in ("cur/1:2,", "cur/2:2,S", "new/3", ".Archive/cur/0:2,S"):
        write(folder / name, f"letter {name[-4:]}")
    return folder


class Os:
    """The module os, with another function in the place of one, for the program alone."""

    def __init__(self, name: str, function: Callable[..., object]) -> None:
        setattr(self, name, function)

    def __getattr__(self, name: str) -> object:
        return getattr(os, name)


def at_the_first(monkeypatch: pytest.MonkeyPatch, name: str, meanwhile: Callable[[], object]) -> None:
    """Let something happen when a function of os is called for the first time."""
    function, calls = getattr(os, name), itertools.count()

    def instead(*arguments: object) -> object:
        if not next(calls):
            meanwhile()
        return function(*arguments)

    monkeypatch.setattr(pack, "os", Os(name, instead))


def test_all_kinds_are_packed_with_their_owners_and_modes(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    write(folder / "b" / "file", "text").chmod(0o640)
    os.link(folder / "b" / "file", folder / "b" / "link")
    (folder / "there").symlink_to("/nowhere")
    os.mkfifo(folder / "fifo")
    members = {member.name: member for member in packed(folder)}
    top = f"files/mail{folder}"
    assert [*members] == ["files/mail", "dumps/mail", top, f"{top}/b", f"{top}/b/file", f"{top}/b/link", f"{top}/there"]
    assert members[f"{top}/b/file"].mode == 0o640
    assert members[f"{top}/b/file"].uname == members[f"{top}/b/file"].gname == "root"
    assert members[f"{top}/b/link"].linkname == f"{top}/b/file"
    assert members[f"{top}/there"].linkname == "/nowhere"


def test_what_is_left_out_and_what_goes_last(mailbox: Path) -> None:
    write(mailbox / "dovecot-uidlist", "3 V1 N4")
    write(mailbox / "tmp" / "9", "half")
    found = files(packed(mailbox, exclude=("*/Maildir/tmp/*",), last=["*/dovecot*"]), mailbox)
    assert [*found] == [".Archive/cur/0:2,S", "cur/1:2,", "cur/2:2,S", "new/3", "dovecot-uidlist"]
    assert "Maildir/tmp" in str(packed(mailbox, exclude=("*/Maildir/tmp/*",)).getnames())


def test_a_letter_that_is_read_meanwhile_is_there_once(mailbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_the_first(monkeypatch, "open", lambda: (mailbox / "new" / "3").rename(mailbox / "cur" / "3:2,S"))
    assert [*files(packed(mailbox), mailbox)] == [".Archive/cur/0:2,S", "cur/1:2,", "cur/2:2,S", "cur/3:2,S"]


def test_a_letter_that_moves_ahead_of_the_listing_is_there_once(mailbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listdir = os.listdir

    def instead(path: str) -> list[str]:
        if path == str(mailbox / "cur") and (mailbox / "cur" / "1:2,").exists():  # .Archive has been listed
            (mailbox / "cur" / "1:2,").rename(mailbox / ".Archive" / "cur" / "7:2,")
        return listdir(path)

    monkeypatch.setattr(pack, "os", Os("listdir", instead))
    found = files(packed(mailbox), mailbox)
    assert [*found] == [".Archive/cur/0:2,S", "cur/2:2,S", "new/3", ".Archive/cur/7:2,"]
    assert found[".Archive/cur/7:2,"] == b"letter 1:2,"


def test_a_letter_that_has_been_packed_and_moves_is_there_once(mailbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_, moved = pack.Item._write, []

    def instead(item: pack.Item, path: str, name: str) -> bool:
        done = write_(item, path, name)
        if path.endswith("1:2,") and not moved:
            moved.append((mailbox / "cur" / "1:2,").rename(mailbox / "cur" / "1:2,RS"))
        return done

    monkeypatch.setattr(pack.Item, "_write", instead)
    assert [*files(packed(mailbox), mailbox)] == [".Archive/cur/0:2,S", "cur/1:2,", "cur/2:2,S", "new/3"]
    assert moved


def test_a_letter_that_is_deleted_is_no_error(mailbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_the_first(monkeypatch, "open", (mailbox / "new" / "3").unlink)
    assert [*files(packed(mailbox), mailbox)] == [".Archive/cur/0:2,S", "cur/1:2,", "cur/2:2,S"]


def test_another_file_that_has_the_number_of_an_old_one_is_no_link_to_it(
    mailbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fstat = os.fstat

    def instead(descriptor: int) -> os.stat_result:
        values = list(fstat(descriptor))
        values[1], values[3] = 5, 2  # all inodes have the same number, and two names
        return os.stat_result(values)

    monkeypatch.setattr(pack, "os", Os("fstat", instead))
    found = files(packed(mailbox), mailbox)
    assert found["new/3"] == b"letter ew/3"
    assert len(found) == 4


def test_new_files_that_come_all_the_time_do_not_keep_it(mailbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_, numbers = pack.Item._write, itertools.count(100)

    def instead(item: pack.Item, path: str, name: str) -> bool:
        write(mailbox / "new" / str(next(numbers)), "one more")
        return write_(item, path, name)

    monkeypatch.setattr(pack.Item, "_write", instead)
    assert {"cur/1:2,", "cur/2:2,S", "new/3"} < files(packed(mailbox), mailbox).keys()


def test_a_file_that_shrinks_is_told_of_and_spoils_nothing(mailbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gettarinfo = tarfile.TarFile.gettarinfo

    def instead(tar: tarfile.TarFile, *arguments: object, **more: object) -> tarfile.TarInfo:
        info = gettarinfo(tar, *arguments, **more)
        if info.name.endswith("cur/1:2,"):
            (mailbox / "cur" / "1:2,").write_text("let")
        return info

    monkeypatch.setattr(tarfile.TarFile, "gettarinfo", instead)
    output = io.BytesIO()
    report = pack.pack([{"name": "mail", "paths": [str(mailbox)]}], [], output)
    assert report == {"files": 4, "bytes": 4 * len("letter 1:2,"), "changed": [str(mailbox / "cur" / "1:2,")]}
    output.seek(0)
    with tarfile.open(fileobj=output) as archive:
        found = files(archive, mailbox)
    assert found["cur/1:2,"] == b"let" + bytes(8)
    assert found["new/3"] == b"letter ew/3"


def test_dumps_are_packed_and_tell_of_more_paths(tmp_path: Path) -> None:
    more = write(tmp_path / "more" / "file", "more")
    archive = packed(tmp_path / "none", dump=f"echo text >one; echo {more}")
    assert archive.extractfile("dumps/mail/one").read() == b"text\n"
    assert archive.extractfile(f"files/mail{more}").read() == b"more"


def test_an_archive_has_no_end_when_a_dump_fails(mailbox: Path) -> None:
    output = io.BytesIO()
    with pytest.raises(SystemExit, match="database could not be dumped \\(exit status 3\\)"):
        pack.pack([{"name": "mail", "paths": [str(mailbox)]}, {"name": "database", "dump": "exit 3"}], [], output)
    gc.collect()  # what is left of the archive is written when nobody has it any more
    assert not output.getvalue().endswith(bytes(2 * tarfile.BLOCKSIZE))
