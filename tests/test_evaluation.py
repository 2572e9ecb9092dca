"""What `evaluate` gives: as a text, as a DataFrame, in a notebook of a real kernel, and its page."""

import multiprocessing
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

import flickrexif
from flickrexif.core.errors import UsageError
from tests.samples import write_image_folder

SETTINGS = {"parameter": "resizing", "protocol": "fast", "seeds": 2}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_image_folder(tmp_path_factory.mktemp("images") / "crops", classes=3, train=8, val=6)


@pytest.fixture(scope="module")
def evaluation(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("evaluation") / "data"
    return flickrexif.evaluate(
        ["control:colour", "lite0"],
        ["probe", "knn"],
        dataset=str(images),
        data_dir=folder,
        settings=SETTINGS,
        workers=1,
        device="cpu",
    )


def test_it_prints_its_headline_numbers_with_intervals_and_chance(evaluation: Any) -> None:
    header, *lines, last = str(evaluation).splitlines()
    assert header.split() == ["encoder", "task", "of", "data", "set", "metric", "value", "95%", "chance"]
    assert last == f"Records: {evaluation.folder}"
    assert len(lines) == 2 * (1 + 2)
    for result in evaluation.results:
        metric = "accuracy" if result.task == "probe" else "neg_same"
        (line,) = [line for line in lines if line.split()[:2] == [result.encoder, result.task] and metric in line]
        low, high = result.intervals[metric]
        assert f" {result.metrics[metric]:.3f} {low:.3f} to {high:.3f}" in line
        assert line.endswith("0.333") == (result.task == "probe")
    assert repr(evaluation) == str(evaluation)


def test_its_table_has_every_metric_of_every_record(evaluation: Any) -> None:
    table = evaluation.table()
    for result in evaluation.results:
        rows = table[(table.encoder == result.encoder) & (table.task == result.task)]
        values = {row.metric: row.value for row in rows.itertuples() if row.value == row.value}
        assert values == {name: value for name, value in result.metrics.items() if value is not None}


def test_it_says_what_the_records_say(evaluation: Any) -> None:
    assert any("lite0" in sentence or "No encoder" in sentence for sentence in evaluation.finding)


def test_a_dry_run_shows_the_plan(images: Path, tmp_path: Path) -> None:
    shown = flickrexif.evaluate("control:colour", "knn", dataset=str(images), data_dir=tmp_path, dry_run=True)
    assert [line.split()[-1] for line in str(shown).splitlines()[1:-1]] == ["do"] * 4


def test_its_report_is_a_page_of_the_records(evaluation: Any) -> None:
    page = evaluation.report(show=False)
    assert page == evaluation.folder.parent / "report" / "index.html"
    assert "lite0" in page.read_text()


def test_a_single_record_has_no_page(images: Path, tmp_path: Path) -> None:
    single = flickrexif.evaluate(
        *("control:colour", "knn"),
        dataset=str(images),
        data_dir=tmp_path / "data",
        out=tmp_path / "one.json",
        settings={"parameter": "jpeg"},
        device="cpu",
    )
    with pytest.raises(UsageError, match="no folder of records"):
        single.report(show=False)


def test_it_leaves_no_process(evaluation: Any) -> None:
    assert evaluation.results
    assert multiprocessing.active_children() == []


def test_a_caller_with_a_progress_of_its_own_gets_no_bar(images: Path, tmp_path: Path, capfd: Any) -> None:
    calls: list[tuple[float, float, str]] = []
    flickrexif.evaluate(
        *("control:colour", "knn"),
        dataset=str(images),
        data_dir=tmp_path / "data",
        settings={"parameter": "jpeg"},
        device="cpu",
        progress=lambda *call: calls.append(call),
    )
    assert calls[-1][0] == calls[-1][1]
    assert "|" not in capfd.readouterr().err


@pytest.mark.filterwarnings("ignore")  # of the kernel's own packages
def test_in_a_notebook_it_shows_a_bar_and_a_table(images: Path, tmp_path: Path) -> None:
    """A real kernel runs the cells: the bar moves on its stderr, the value of the cell is an HTML table."""
    code = (
        "from flickrexif import evaluate\n"
        f"evaluate('control:colour', 'knn', dataset={str(images)!r}, settings={{'parameter': 'jpeg'}}, device='cpu')"
    )
    after = "import multiprocessing; print(multiprocessing.active_children())"
    cells = [nbformat.v4.new_code_cell(code), nbformat.v4.new_code_cell(after)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    place = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources=place).execute()
    evaluated, left = (cell.outputs for cell in notebook.cells)
    bars = "".join(output.text for output in evaluated if output.output_type == "stream" and output.name == "stderr")
    assert "100%" in bars
    assert "Warning" not in bars
    (value,) = [output.data for output in evaluated if output.output_type == "execute_result"]
    assert value["text/html"].count("<tr") == 1 + 2
    assert "all_same" in value["text/html"]
    assert "control:colour" in value["text/plain"]
    assert left[0].text.strip() == "[]"
