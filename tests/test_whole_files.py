"""Files that are whole or not there, also with several processes at work."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from flickrexif.core.errors import FlickrExifError
from flickrexif.core.files import HOST, keep, put, put_bytes, put_text, remove, remove_unfinished, temporary

WRITER = """
import sys, time
from pathlib import Path
from flickrexif.core.files import put
def write(path):
    path.write_text("half")
    print(path, flush=True)
    sys.stdin.readline()
    path.write_text("whole")
put(Path(sys.argv[1]), write)
"""


def writer(path: Path) -> "subprocess.Popen[str]":
    """Another process in the middle of writing `path`; a line to it lets it finish."""
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_a_file_is_written_once_and_equal_bytes_leave_it(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.txt"
    assert put_text(path, "ä\n") == ("written", path)
    before = path.stat()
    assert put_bytes(path, "ä\n".encode()) == ("unchanged", path)
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert put_text(path, "b") == ("written", path)
    assert [entry.name for entry in path.parent.iterdir()] == ["a.txt"]


def test_what_fails_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    put_text(path, "old")

    def fail(unfinished: Path) -> None:
        unfinished.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(FlickrExifError, match=r"a\.txt cannot be written \(No space left"):
        put(path, fail)
    with pytest.raises(ZeroDivisionError):
        put(path, lambda unfinished: unfinished.write_bytes(b"x" * (1 // 0)))
    with temporary(path) as unfinished:
        unfinished.write_text("never kept")
    assert [(entry.name, entry.read_text()) for entry in tmp_path.iterdir()] == [("a.txt", "old")]


def test_a_temporary_name_tells_the_process_and_fits_any_name(tmp_path: Path) -> None:
    with temporary(tmp_path / "a.txt") as one, temporary(tmp_path / "a.txt") as other:
        assert one != other
        assert one.name.startswith(f".a.txt.{HOST}-{os.getpid()}-")
        assert one.suffix == ".tmp"
    for name in ("n" * 255, "ä" * 127, "語" * 85):
        assert put_text(tmp_path / name, "x")[0] == "written"


def test_a_second_run_leaves_what_another_process_is_writing(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with writer(path) as process:
        assert process.stdout
        unfinished = Path(process.stdout.readline().strip())
        remove_unfinished([tmp_path])
        put_text(path, "ours")
        assert unfinished.read_text() == "half"
        process.communicate("go on\n")
    assert process.returncode == 0
    assert [(entry.name, entry.read_text()) for entry in tmp_path.iterdir()] == [("a.txt", "whole")]


def test_what_a_killed_process_left_goes_with_the_next_write_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a[1].txt"
    for clear in (lambda: remove_unfinished([tmp_path]), lambda: put_text(path, "ours")):
        with writer(path) as process:
            assert process.stdout
            unfinished = Path(process.stdout.readline().strip())
            process.kill()
        assert unfinished.exists()
        clear()
        assert not unfinished.exists()


def test_what_a_process_left_that_nobody_has_waited_for_goes(tmp_path: Path) -> None:
    with writer(tmp_path / "a.txt") as process:
        assert process.stdout
        unfinished = Path(process.stdout.readline().strip())
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and its number is still taken
        os.kill(process.pid, 0)
        remove_unfinished([tmp_path])
        assert not unfinished.exists()


def test_what_this_process_is_writing_stays_and_its_number_used_before_goes(tmp_path: Path) -> None:
    former = tmp_path / f".a.txt.{os.getpid()}-0123abcd.tmp"  # a container gives the same number to every run
    former.write_text("x")
    old = tmp_path / ".a.txt.tmp"
    old.write_text("x")
    with temporary(tmp_path / "a.txt") as unfinished:
        unfinished.write_text("x")
        remove_unfinished([tmp_path, tmp_path / "no folder"])
        assert list(tmp_path.iterdir()) == [unfinished]


def test_threads_write_one_file_each_whole(tmp_path: Path) -> None:
    path, texts = tmp_path / "a.txt", [str(number) * 50_000 for number in range(8)]
    threads = [threading.Thread(target=put_text, args=(path, text)) for text in texts]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert not path.exists() or path.read_text() in texts
        time.sleep(0.001)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]


def test_remove_removes_at_once_what_is_there(tmp_path: Path) -> None:
    one, link = tmp_path / "a", tmp_path / "link"
    one.write_text("x")
    link.symlink_to(tmp_path / "nowhere")
    assert remove([one, tmp_path / "never was", link]) == [("removed", one), ("removed", link)]
    assert not list(tmp_path.iterdir())
    with pytest.raises(FlickrExifError, match=r"cannot be removed"):
        remove([tmp_path])


def test_keep_syncs_the_file_then_renames_then_syncs_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[int | str] = []
    fsync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda file: (steps.append(os.fstat(file).st_ino), fsync(file)))
    monkeypatch.setattr(Path, "replace", lambda *paths: (steps.append("rename"), replace(*paths))[1])
    with temporary(tmp_path / "a") as unfinished:
        unfinished.write_text("x")
        keep(unfinished, tmp_path / "a")
    assert steps == [(tmp_path / "a").stat().st_ino, "rename", tmp_path.stat().st_ino]


def test_what_another_machine_is_writing_stays_for_a_day(tmp_path: Path) -> None:
    with temporary(tmp_path / "a.txt") as ours:
        unfinished = tmp_path / ours.name.replace(HOST, "0123abcd")
    unfinished.write_text("half")
    put_text(tmp_path / "a.txt", "ours")
    remove_unfinished([tmp_path])
    assert unfinished.exists()
    os.utime(unfinished, (0, 0))
    remove_unfinished([tmp_path])
    assert not unfinished.exists()
