"""docs/tour.ipynb runs from its first cell to its last in an empty folder, and shows what the page on GitHub shows.

`python -m tests.test_tour` writes its outputs anew.
"""

import base64
import io
import os
import re
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
import pytest
from nbclient import NotebookClient
from PIL import Image

NOTEBOOK = Path(__file__).parents[1] / "docs" / "tour.ipynb"
LARGEST = 200_000  # bytes of the file
MEASURED = "measured"  # tag of a cell whose numbers depend on the machine


def executed(folder: Path) -> nbformat.NotebookNode:
    """The notebook with the outputs of a run in `folder`, without progress and times."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    environ = {**os.environ, "HF_HOME": str(folder / ".cache"), "HF_HUB_OFFLINE": "1"}
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}}).execute(env=environ)
    for cell in code_cells(notebook):
        cell.metadata.pop("execution", None)
        cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
        for data in (output.data for output in cell.outputs if "data" in output):
            if "image/jpeg" in data:  # the same picture
                del data["image/png"]
    return notebook


def code_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def shown(cell: nbformat.NotebookNode) -> str:
    """The text of the outputs and what else there is of each; of measurements without digits."""
    outputs = [output.get("text") or f"{output.data['text/plain']}\n{sorted(output.data)}\n" for output in cell.outputs]
    text = "".join(outputs)  # a stream comes in any number of parts
    return re.sub(r"\d+", "0", text) if MEASURED in cell.metadata.get("tags", ()) else text


@pytest.mark.filterwarnings("ignore")  # of the kernel's own packages
def test_the_tour_runs_and_shows_what_its_page_shows(tmp_path: Path) -> None:
    committed = code_cells(nbformat.read(NOTEBOOK, as_version=4))
    run = code_cells(executed(tmp_path))
    assert [shown(cell) for cell in run] == [shown(cell) for cell in committed]
    assert [cell.execution_count for cell in committed] == list(range(1, len(run) + 1))


def test_its_page_is_small_and_has_pictures_and_no_place_of_the_machine_that_ran_it() -> None:
    text = NOTEBOOK.read_text("utf-8")
    assert len(text) < LARGEST
    assert not re.search(r"/(?:home|tmp|root|work|Users)/", text)
    outputs = [output for cell in code_cells(nbformat.reads(text, as_version=4)) for output in cell.outputs]
    assert "Traceback" not in str(outputs)
    data = [data for output in outputs for kind, data in output.get("data", {}).items() if kind.startswith("image/")]
    assert len(data) == 2
    for picture in map(base64.b64decode, data):
        with Image.open(io.BytesIO(picture)) as image:
            assert min(image.size) > 100


def test_the_pages_that_it_names_are_there() -> None:
    targets = re.findall(r"\]\(([\w.-]+\.md)\)", NOTEBOOK.read_text("utf-8"))
    assert len(targets) >= 5
    assert [target for target in targets if not (NOTEBOOK.parent / target).is_file()] == []


if __name__ == "__main__":
    with TemporaryDirectory() as place:
        nbformat.write(executed(Path(place)), NOTEBOOK)
