"""The files of a report: the same every time, nobody else's replaced."""

from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from flickrexif.cli.report import report
from flickrexif.core.errors import UsageError
from flickrexif.eval.report.build import write_report
from tests.folders import contents
from tests.report_records import of, put


def test_a_second_run_gives_the_same_bytes_and_removes_what_is_stale(tmp_path: Path) -> None:
    entries = [entry for entry in of(2) if entry[1].task in ("probe", "retrieval") and entry[1].parameter != "jpeg"]
    results, out = put(tmp_path / "results", entries), tmp_path / "report"
    write_report(results, out, formats=("svg", "png"))
    first = contents(out)
    (out / "tables/mine.csv").write_text("kept")
    write_report(results, out, formats=("svg", "png"))
    assert contents(out) == first | {"tables/mine.csv": b"kept"}
    with Image.open(out / "figures/retrieval-paircams.png") as image:
        assert image.width > 300
    for path, result in entries:
        if result.task == "retrieval":
            (results / path).unlink()
    write_report(results, out, formats=("svg",))
    left = contents(out).keys()
    assert left == {name for name in first if "retrieval" not in name and not name.endswith(".png")} | {
        "tables/mine.csv"
    }


def test_another_page_is_not_replaced(tmp_path: Path) -> None:
    results, out = put(tmp_path / "results", of(1)[:3]), tmp_path / "out"
    out.mkdir()
    (out / "index.html").write_text("<h1>mine</h1>")
    with pytest.raises(UsageError, match="was not written by this command"):
        write_report(results, out, formats=())
    assert (out / "index.html").read_text() == "<h1>mine</h1>"
    with pytest.raises(UsageError, match="is no folder"):
        write_report(results, out / "index.html", formats=())
    with pytest.raises(UsageError, match="'gif'"):
        write_report(results, tmp_path / "new", formats=("gif",))
    assert not (tmp_path / "new").exists()


@pytest.fixture
def command() -> typer.Typer:
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(report)
    return app


def test_the_command_prints_the_leaderboard_and_the_page(tmp_path: Path, command: typer.Typer) -> None:
    results = put(tmp_path / "results", of(2))
    done = CliRunner().invoke(command, [str(results), "--data-dir", str(tmp_path), "--formats", ""])
    assert done.exit_code == 0
    assert "clip/ViT-B-16" in done.stdout
    assert done.stdout.splitlines()[-1] == str(tmp_path / "report/index.html")
    (results / "broken.json").write_text("{")
    done = CliRunner().invoke(command, [str(results), "--data-dir", str(tmp_path), "--formats", ""])
    assert done.exit_code == 3
    assert "Left out: broken.json: broken.json is no JSON" in done.stderr
    assert "broken.json" in (tmp_path / "report/index.html").read_text("utf-8")
    sound = put(tmp_path / "sound", of(1))
    compared = write_report(sound, tmp_path / "compared", baseline=results, formats=())
    assert [path for path, _ in compared.unreadable] == ["results/broken.json"]


def test_the_data_folder_itself_is_not_taken_for_records(
    tmp_path: Path, run: Callable[..., tuple[int, str, str]]
) -> None:
    """Its data sets have JSON files of their own, which nobody should be told to delete."""
    (tmp_path / "data/flickrexif").mkdir(parents=True)
    (tmp_path / "data/flickrexif/croissant.json").write_text("{}")
    (tmp_path / "data/results").mkdir()
    for options in ((tmp_path / "data",), (tmp_path / "data/results", "--baseline", tmp_path / "data")):
        code, out, err = run("report", *options, "--data-dir", tmp_path / "data")
        assert (code, out) == (2, "")
        assert "delete" not in err.lower()
    assert f"Name the one in it: {tmp_path / 'data/results'}." in run("report", tmp_path / "data")[2]
