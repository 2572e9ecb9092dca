"""From an empty folder to an answer, with the commands as they are documented and no option that one need not know.

The journey of a crawl is in tests/test_readme.py, that of one's own photos in tests/test_own_photos.py and
docs/tour.ipynb.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.samples import write_image_folder

Run = Callable[..., tuple[int, str, str]]
MINE = """
class Encoder:
    def embed(self, batch):
        return batch.mean((2, 3))
"""


@pytest.fixture
def typed(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Runs what is typed in an empty folder; what it prints."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FLICKREXIF_DATA", raising=False)

    def typed(line: str) -> str:
        code, out, err = run(*line.split())
        assert (code, "Traceback" in err) == (0, False), f"{line}\n{out}{err}"
        return out

    return typed


def measured(folder: Path) -> dict[tuple[str, str], Any]:
    """Task and encoder -> the record, of those in the data folder."""
    records = [json.loads(path.read_text()) for path in (folder / "data/results").rglob("*.json")]
    return {(record["task"], record["encoder"]): record for record in records if record["state"] == "measured"}


def test_from_a_plan_of_pairs_to_retrieval(typed: Callable[[str], str], tmp_path: Path) -> None:
    typed("pairs simulate shots --pairs 6")
    plan = "pairs plan shots --phone Pixel-7 --camera EOS-5D --pairs 20 --page sheet"
    assert "Pixel-7" in typed(plan)
    typed("pairs check shots --page sheet")
    typed("pairs build shots")
    typed("eval retrieval --encoder control:colour --encoder control:random")
    recall = {encoder: record["metrics"] for (_, encoder), record in measured(tmp_path).items()}
    assert set(recall) == {"control:colour", "control:random"}
    assert all(0 <= value <= 1 for metrics in recall.values() for value in metrics.values())
    assert "control:colour" in typed("report")


def test_from_images_and_an_encoder_of_ones_own_to_a_page(typed: Callable[[str], str], tmp_path: Path) -> None:
    write_image_folder(tmp_path / "photos", classes=3, train=8, val=6)
    (tmp_path / "mine.py").write_text(MINE)
    typed("process photos --parameter resizing")
    typed("eval knn --encoder module:./mine.py:Encoder")
    typed("eval knn --encoder mine=module:./mine.py:Encoder --dataset photos --set parameter=resizing")
    stored, flying = measured(tmp_path).values()
    assert {stored["dataset"], flying["dataset"]} == {"ImageNet", "photos"}
    assert stored["metrics"] == pytest.approx(flying["metrics"], abs=1e-6)
    typed("report")
    assert "mine" in (tmp_path / "data/report/index.html").read_text()
