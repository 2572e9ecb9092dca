"""The data folder that a command is told of, by --data-dir or by $FLICKREXIF_DATA, is the one that it takes.

tests/test_commands.py runs a chain of commands from elsewhere; here are the commands that it lacks.
"""

from pathlib import Path
from typing import Any

import pytest

from flickrexif.core.folder import DataFolder
from tests.samples import write_image_folder
from tests.test_commands import COMMANDS, defaults

WITHOUT_DATA = {
    "status": "",
    "build": "",
    "splits": "",
    "merge-shards": "",
    "report": "",
    "embed": "--dataset flickrexif --encoder control:colour --device cpu",
    "refresh": "--older-than 0",
    "forget": "--photo 53000000001 --reason asked",
    "eval": "--encoder control:colour --device cpu",
    "submit": "control:colour",
}
ELSEWHERE = {  # what is made outside of the data folder, of images that are in none
    "process": "{images} --variant sharpen_2 --workers 1 --limit 2 --out {out}",
    "pairs build": "{pairs} --out {out}",
    "label": "{images} --out {out}",
    "embed": "--dataset {images} --split val --encoder control:colour --device cpu --embeddings {out}",
    "pairs check": "{pairs} --page {out}",
    "pairs plan": "{pairs} --page {out}",
}


@pytest.fixture(params=["variable", "option"])
def named(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Any) -> Any:
    """Runs a command in an empty working directory, `data` in another folder being its data folder."""
    (tmp_path / "away").mkdir()
    monkeypatch.chdir(tmp_path / "away")
    option: tuple[object, ...] = ("--data-dir", tmp_path / "mine/data") if request.param == "option" else ()
    if request.param == "variable":
        monkeypatch.setenv("FLICKREXIF_DATA", str(tmp_path / "mine/data"))
    return lambda command, words: run(*command.split(), *words.split(), *option)


def test_every_command_with_a_data_folder_is_tried() -> None:
    elsewhere = {"crawl", "merge", "pairs simulate", "simulate", *ELSEWHERE}  # in tests/test_commands.py, and below
    elsewhere.add("fetch")  # in tests/test_fetch.py
    assert {name for name in COMMANDS if "data_dir" in defaults(COMMANDS[name])} == {*WITHOUT_DATA, *elsewhere}


@pytest.mark.parametrize("command", list(WITHOUT_DATA))
def test_what_is_missing_is_missing_in_the_named_folder(named: Any, tmp_path: Path, command: str) -> None:
    code, out, err = named(command, WITHOUT_DATA[command])
    assert code in (0, 1, 2)
    assert str(tmp_path / "mine/data") in out + err or (tmp_path / "mine/data/.flickrexif").is_dir()
    assert "Traceback" not in err
    assert list((tmp_path / "away").iterdir()) == []


@pytest.mark.parametrize("command", list(ELSEWHERE))
def test_what_is_made_elsewhere_is_registered_in_the_named_folder(named: Any, tmp_path: Path, command: str) -> None:
    places = {name: tmp_path / name for name in ("images", "pairs", "out")}
    write_image_folder(places["images"], classes=2, train=2, val=2)
    if "pairs" in command:
        assert named("pairs simulate", f"{places['pairs']} --pairs 2")[0] == 0
    code, _, err = named(command, ELSEWHERE[command].format(**places))
    assert code == 0, err
    registered = DataFolder(tmp_path / "mine/data").registered()
    assert registered
    assert all(path.is_relative_to(places["out"]) for path in registered)
    assert list((tmp_path / "away").iterdir()) == []
