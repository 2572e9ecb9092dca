"""Marked secrets go through a whole run, from a crawl to a push, and are looked for in all that it leaves."""

import sqlite3
import stat
import zlib
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from flickrexif.collectors.sandbox import oauth
from flickrexif.collectors.sandbox.faults import Faults
from flickrexif.collectors.sandbox.server import Sandbox
from tests.hub import Hub, serving
from tests.hub_repo import User
from tests.pushing import run_python
from tests.test_crash import Painted

KEY, SECRET, TOKEN = "markedkey0123456789", "markedsecret9876543210", "hf_markedtokenmarkedtoken"
MARKS = ("markedkey", "markedsecret", "markedtoken")
ENVIRON = {
    "FLICKR_API_KEY": KEY,
    "FLICKR_API_SECRET": SECRET,
    "HF_TOKEN": TOKEN,
    "FLICKREXIF_CONTACT": "me@example.org",
}
REFUSED = {"FLICKR_API_SECRET": "markedsecretbutwrong"}


def command_lines() -> str:
    """The arguments of all processes of this machine, as `ps` shows them."""
    texts = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            texts.append(path.read_bytes())
    return b"\n".join(texts).decode(errors="replace")


def contents(folder: Path) -> Iterator[tuple[Path, str]]:
    """All files, and what those hold that are compressed."""
    for path in folder.rglob("*"):
        if path.is_file():
            yield path, path.read_bytes().decode("latin-1")
            if path.suffix == ".parquet":
                yield path, str(pq.read_table(path).to_pylist())
            if path.suffix == ".sqlite":
                with closing(sqlite3.connect(path)) as db:
                    tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
                    cells = [cell for name in tables for row in db.execute(f"SELECT * FROM {name}") for cell in row]
                yield path, str([_unpacked(cell) for cell in cells])


def _unpacked(cell: object) -> object:
    try:
        return zlib.decompress(cell) if isinstance(cell, bytes) else cell
    except zlib.error:
        return cell


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="no list of processes in /proc")
def test_secrets_stay_where_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oauth, "KEY", KEY)
    monkeypatch.setattr(oauth, "SECRET", SECRET)
    seen: list[str] = []
    environ = ENVIRON | {"XDG_STATE_HOME": str(tmp_path / "state"), "FLICKREXIF_DATA": str(tmp_path / "data")}
    faults = Faults({"429": 0.05, "html": 0.05, "nonce": 0.05, "drop": 0.05})
    with (
        Sandbox(Painted(0, 600), faults=faults) as sandbox,
        serving(Hub({TOKEN: User("jo")})) as hub,
    ):
        hub.before_commit = lambda: seen.append(command_lines())
        crawl = ["crawl", "--month", "2024-08", "--endpoint", sandbox.endpoint, "--target", "5", "--images", "large"]
        crawl += ["--calls-per-hour", "100000"]
        data_set = tmp_path / "data/flickrexif"
        for arguments, code, more in (
            (crawl, 1, REFUSED),
            (crawl, 0, {}),
            (["browse", data_set], 0, {}),
            (["publish", data_set, "--repo", "jo/photos"], 0, {}),
            (["publish", data_set, "--repo", "jo/photos"], 1, {"HF_TOKEN": "hf_markedtokenthatisnone"}),
            (["forget", "--photo", "1", "--reason", "asked"], 0, {}),
            (["--show-completion", "bash"], 0, {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}),  # as of bash
        ):
            done = run_python(hub, tmp_path, "-m", "flickrexif", *arguments, **(environ | more))
            assert done.returncode == code, (arguments, done.stdout, done.stderr)
            seen += [done.stdout, done.stderr]
        published = {name: file.decode("latin-1") for name, file in hub.files("jo/photos").items()}
    assert "README.md" in published
    texts = [*((Path(name), text) for name, text in published.items()), *contents(tmp_path)]
    texts += [(Path("printed"), text) for text in seen]
    assert [(path, mark) for path, text in texts for mark in MARKS if mark in text] == []
    assert any(path.suffix == ".sqlite" for path, _ in texts)
    modes = {
        path.name: stat.S_IMODE(path.stat().st_mode)
        for path in tmp_path.rglob("*")
        if path.suffix in (".sqlite", ".csv")
    }
    assert modes["journal.sqlite"] == modes["takedowns.csv"] == 0o600
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "state").rglob("*.sqlite")} == {0o600}
