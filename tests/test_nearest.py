"""Which test files are nearest to a change, and what is left when the time of a quick check is over."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests import nearest

SOURCES = {
    "flickrexif/core/files.py": "",
    "flickrexif/core/__init__.py": "",
    "collectors/journal.py": "from flickrexif.core.files import put\nSCHEMA = 'journal.sql'",
    "collectors/journal.sql": "create table photos",
    "flickrexif/cli/__init__.py": "def f():\n    from flickrexif.collectors import journal",
    "tests/conftest.py": "from flickrexif import cli",
    "tests/helpers.py": "import flickrexif.core.files",
    "tests/test_files.py": "from tests import helpers",
    "tests/test_journal.py": "from flickrexif.collectors.journal import (\n    read,\n    write,\n)",
    "tests/test_other.py": "import flickrexif.absent",
    "docs/cli.md": "see journal.sql",
}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ("collectors/journal.sql", ["test_journal", "test_files", "test_other"]),  # the others by conftest and cli
        ("collectors/journal.py", ["test_journal", "test_files", "test_other"]),
        ("flickrexif/core/files.py", ["test_files", "test_journal", "test_other"]),
        ("flickrexif/core/__init__.py", []),
        ("tests/helpers.py", ["test_files"]),
        ("tests/test_other.py", ["test_other"]),
        ("docs/cli.md", []),
        ("tests/test_removed.py", ["test_removed"]),
    ],
)
def test_fewer_steps_come_first(changed: str, expected: list[str]) -> None:
    leads = nearest.steps(SOURCES, linked={"collectors"})
    assert nearest.nearest({changed}, leads) == [f"tests/{name}.py" for name in expected]


def test_what_changed_is_told_by_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def git(*arguments: str) -> None:
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments], cwd=tmp_path, check=True)

    def commit(name: str) -> None:
        (tmp_path / name).write_text(name)
        git("add", "-A")
        git("commit", "-qm", name)

    monkeypatch.setattr(nearest, "ROOT", tmp_path)
    git("init", "-q", "-b", nearest.MAIN)
    commit("first")
    commit("second")
    assert nearest.changed_files() == {"second"}  # nothing else changed: the last commit
    git("switch", "-qc", "branch")
    commit("third")
    (tmp_path / "first").write_text("changed")
    (tmp_path / "new").touch()
    assert nearest.changed_files() == {"first", "third", "new"}


def test_no_test_begins_after_the_time_is_over() -> None:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "tests/test_caps.py", "--seconds", "0"]
    ended = subprocess.run(command, cwd=nearest.ROOT, capture_output=True, text=True, check=True)
    assert "tests were left when the time was over" in ended.stdout
    assert "passed" not in ended.stdout
