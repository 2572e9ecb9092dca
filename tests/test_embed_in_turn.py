"""Encoders of a long list are loaded when their turn comes, and make what each would make alone."""

import re
from pathlib import Path
from typing import Any

import pytest

from flickrexif import embed
from flickrexif.core.errors import FlickrExifError, UsageError
from tests.suite_data import write_pairs

COUNT = 6  # more than share a pass, of an unknown size
MODULE = """
import os
from pathlib import Path
LOG = Path(__file__).with_suffix(".log")
def log(text):
    with LOG.open("a") as file:
        file.write(f"{text}\\n")
class Own:
    embedding_size = 3
    def __init__(self, number):
        self.number = number
        log(f"load {number}")
    def embed(self, batch):
        log(f"embed {self.number}")
        return batch.mean((2, 3)) * self.number
    def __del__(self):
        log(f"free {self.number}")
def make(number):
    return lambda: Own(number)
own1, own2, own3, own4, own5, own6 = map(make, range(1, 7))
def broken():
    return 3
"""
NAMES = [f"module:own_in_turn:own{number}" for number in range(1, COUNT + 1)]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with pairs, and a module with encoders that log what happens to them."""
    (tmp_path / "own_in_turn.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    return write_pairs(tmp_path / "data" / "paircams").parent


def events(data: Path) -> list[str]:
    log = data.parent / "own_in_turn.log"
    return log.read_text().splitlines() if log.exists() else []


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "embeddings").rglob("*.safetensors")}


def test_few_are_in_memory_at_once_and_the_files_are_those_of_each_alone(data: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    report = embed("paircams", NAMES, data_dir=data, device="cpu", progress=lambda done, of, _: seen.append((done, of)))
    happened = events(data)
    assert happened.index("embed 1") < happened.index(f"load {COUNT}")
    in_memory = most = 0
    for event in happened:
        in_memory += {"load": 1, "free": -1}.get(event.split()[0], 0)
        most = max(most, in_memory)
    assert most < COUNT
    assert seen == sorted(seen)
    assert seen[-1] == (COUNT * 8, COUNT * 8)
    assert {of for _, of in seen} == {COUNT * 8}
    assert [file.rows for file in report.files] == [8] * COUNT
    alone = write_pairs(tmp_path / "alone" / "paircams").parent
    for name in NAMES:
        embed("paircams", name, data_dir=alone, device="cpu")
    assert files(data) == files(alone)
    assert len(files(data)) == COUNT


@pytest.mark.parametrize(
    ("names", "options", "words"),
    [
        ([*NAMES, "lite9"], {}, "no encoder 'lite9'"),
        (NAMES, {"on_the_fly": "jpg"}, "jpg"),
        (NAMES, {"mask": 2.0}, "2"),
        (["module:a/b:c", "module:a-b:c", *NAMES], {}, "would share"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_loaded(
    data: Path, names: list[str], options: dict[str, Any], words: str
) -> None:
    with pytest.raises(UsageError, match=re.escape(words)):
        embed("paircams", names, data_dir=data, device="cpu", **options)
    assert not events(data)


def test_one_that_cannot_be_loaded_does_not_keep_the_others_from_their_files(data: Path) -> None:
    lines: list[str] = []
    names = [NAMES[0], "module:own_in_turn:broken", *NAMES[1:]]
    report = embed("paircams", names, data_dir=data, device="cpu", say=lines.append)
    assert len(files(data)) == len(report.files) == COUNT
    assert [(key.variant, "is no encoder" in fault.reason) for key, fault in report.faults.items()] == [
        ("own_in_turn:broken", True)
    ]
    assert len(lines) == 1
    assert "model=module_variant=own_in_turn-broken.safetensors is left out: " in lines[0]
    with pytest.raises(FlickrExifError, match="is no encoder"):
        embed("paircams", names, data_dir=data, device="cpu")  # as nothing more can be made


@pytest.mark.parametrize("again", [1, 2])
def test_what_a_run_left_that_was_killed_when_its_file_was_whole_is_removed(
    data: Path, monkeypatch: pytest.MonkeyPatch, again: int
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("flickrexif.eval.embed.store.remove_tree", killed)
        with pytest.raises(KeyboardInterrupt):
            embed("paircams", NAMES[:1], data_dir=data, device="cpu")
    (blocks,) = (data / "embeddings").rglob("*.blocks")
    (data / "embeddings" / (blocks / ".run").read_text()).touch()  # as SIGKILL leaves it
    (data / "embeddings/.1-0123456789abcdef.run").touch()  # and a run without a claim
    for _ in range(again):
        embed("paircams", NAMES[:1], data_dir=data, device="cpu")
    assert [path for path in (data / "embeddings").rglob(".*") if path.name != ".lock"] == []
