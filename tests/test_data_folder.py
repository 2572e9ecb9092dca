"""Who may write to a data folder, and what is known of the files elsewhere."""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

import flickrexif
from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.core.folder import DataFolder

HOLD = """
import sys, time
from pathlib import Path
from flickrexif.core.folder import DataFolder
with DataFolder(Path(sys.argv[1])).writing("crawl", beside=sys.argv[2] == "beside"):
    print("held", flush=True)
    time.sleep(60)
"""


def holding(folder: Path, how: str = "alone") -> "subprocess.Popen[str]":
    """Another process that writes to `folder` until it is killed."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(folder), how], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    return process


@pytest.mark.parametrize(("how", "beside"), [("alone", False), ("alone", True), ("beside", False)])
def test_a_second_writer_is_told_who_writes_and_since_when(tmp_path: Path, how: str, beside: bool) -> None:
    with holding(tmp_path, how) as process:
        expected = rf"`flickrexif crawl` \(process {process.pid}, since 20..-..-..T..:..:..\+00:00\) is using"
        with pytest.raises(UsageError, match=expected), DataFolder(tmp_path).writing("build", beside=beside):
            pass
        process.send_signal(signal.SIGKILL)
    with DataFolder(tmp_path).writing("build", beside=beside):  # who died holds nothing
        pass
    assert sorted(path.name for path in (tmp_path / ".flickrexif").rglob("*.json")) == []


def test_those_who_write_beside_others_do(tmp_path: Path) -> None:
    with holding(tmp_path, "beside") as process:
        with DataFolder(tmp_path).writing("embed", beside=True):
            pass
        process.kill()


def test_a_data_set_elsewhere_is_held_too_and_knows_its_data_folder(tmp_path: Path) -> None:
    data, traces = DataFolder(tmp_path / "data"), tmp_path / "disk" / "traces"
    with (
        data.writing("process", traces, data.path / "inside"),
        pytest.raises(UsageError, match="process"),
        DataFolder(tmp_path / "b").writing("process", traces),
    ):
        pass
    assert data.registered() == [traces]
    assert DataFolder.of(traces).path == data.path
    assert DataFolder.of(traces / "jpeg75_420" / "x.parquet").path == data.path
    assert DataFolder.of(data.path / "flickrexif" / "labels").path == data.path
    assert DataFolder.of(tmp_path / "other" / "flickrexif").path == tmp_path / "other"


def test_a_data_set_in_another_data_folder_belongs_to_that_one_and_both_are_held(tmp_path: Path) -> None:
    ours, theirs = DataFolder(tmp_path / "ours"), DataFolder(tmp_path / "theirs")
    traces = theirs.path / "traces"
    said = r"crawl.* is using .*theirs\."
    with theirs.writing("crawl"), pytest.raises(UsageError, match=said), ours.writing("process", traces):
        pass
    with ours.writing("process", traces), pytest.raises(UsageError, match="process"), theirs.writing("forget"):
        pass
    assert ours.registered() == [traces]
    assert DataFolder.of(traces) == theirs
    with theirs.writing("forget"):
        pass


def test_a_data_set_whose_data_folder_is_gone_belongs_to_none(tmp_path: Path) -> None:
    data, traces = DataFolder(tmp_path / "data"), tmp_path / "disk" / "traces"
    with data.writing("process", traces):
        assert DataFolder.holding(traces) == data
    data.path.rename(tmp_path / "moved")
    assert DataFolder.holding(traces) is None
    assert DataFolder.of(traces).path == tmp_path / "disk"


def test_a_data_folder_of_before_there_was_a_lock_is_one(tmp_path: Path) -> None:
    (tmp_path / "flickrexif/.crawl").mkdir(parents=True)
    assert DataFolder.holding(tmp_path / "flickrexif/labels/train.parquet") == DataFolder(tmp_path)


def test_who_reads_keeps_writers_away(tmp_path: Path) -> None:
    data = DataFolder(tmp_path)
    with data.reading("publish"), pytest.raises(UsageError, match="`flickrexif publish`"), data.writing("build"):
        pass
    with holding(tmp_path) as process:
        with pytest.raises(UsageError, match="`flickrexif crawl`"), data.reading("publish"):
            pass
        process.kill()
    with DataFolder(tmp_path / "none").reading("publish"):
        assert not (tmp_path / "none").exists()


def test_a_takedown_waits_for_a_data_set_elsewhere_that_another_data_folder_writes(tmp_path: Path) -> None:
    first, second, shared = DataFolder(tmp_path / "a"), DataFolder(tmp_path / "b"), tmp_path / "traces"
    with first.writing("process", shared):
        pass
    with second.writing("process", shared):
        assert DataFolder.of(shared) == first
        with pytest.raises(UsageError, match=r"`flickrexif process`.*traces"):
            flickrexif.forget(first.path, photos=53512345678, reason="asked for by mail")
        assert not first.takedowns.exists()
    assert flickrexif.forget(first.path, photos=53512345678, reason="asked for by mail").listed == 1


def test_the_register_keeps_any_name_once(tmp_path: Path) -> None:
    data = DataFolder(tmp_path / "data")
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/b\xff \xc3\xbc.json"))
    data.register(odd, tmp_path / "gone.json", data.path / "inside.json")
    data.register(odd)
    assert data.registered() == sorted([odd, tmp_path / "gone.json"])


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FlickrExifError, match="cannot be written"), DataFolder(tmp_path / "file").writing("crawl"):
        pass


def test_a_note_that_is_not_whole_names_nobody(tmp_path: Path) -> None:
    with holding(tmp_path) as process:
        (tmp_path / ".flickrexif" / "lock.json").write_text(json.dumps({"pid": 1}))
        with pytest.raises(UsageError, match="Another command is using"), DataFolder(tmp_path).writing("build"):
            pass
        process.kill()


def test_a_command_that_fails_before_it_wrote_leaves_nothing(tmp_path: Path) -> None:
    def failing(*files: Path, beside: bool = False) -> list[str]:
        writing = DataFolder(tmp_path / "a/data").writing("process", tmp_path / "disk/traces", beside=beside)
        with suppress(UsageError), writing:
            (tmp_path / "disk/traces/unfinished").mkdir()
            for file in files:
                file.write_bytes(b"x")
            raise UsageError("no", "no")
        return sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*"))

    assert failing() == failing(beside=True) == []
    (tmp_path / "disk/traces").mkdir(parents=True)
    assert failing() == ["disk", "disk/traces", "disk/traces/unfinished"]
    (tmp_path / "disk/traces/unfinished").rmdir()
    assert "a/data/.flickrexif/register" in failing(tmp_path / "disk/traces/file")
    assert DataFolder.of(tmp_path / "disk/traces").path == tmp_path / "a/data"


def test_a_command_that_fails_leaves_the_lock_of_another(tmp_path: Path) -> None:
    with holding(tmp_path / "new", "beside") as process:
        with suppress(UsageError), DataFolder(tmp_path / "new").writing("embed", beside=True):
            raise UsageError("no", "no")
        with pytest.raises(UsageError, match="is using"), DataFolder(tmp_path / "new").writing("build"):
            pass
        process.kill()
