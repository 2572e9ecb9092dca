"""The cards of small data sets of pairs and of processed images, whole; that of FlickrExif is in test_card.py.

`python -m tests.test_golden_cards` writes them anew.
"""

import re
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from huggingface_hub import DatasetCard

import flickrexif
from flickrexif.cards import write_card
from tests.test_croissant import FOLDERS, GOLDEN, stable

NAMES = ("paircams", "imagenet-traces")


def card_of(name: str, folder: Path) -> str:
    """Without what other versions of the codecs and of this program change: sizes of files, and their numbers."""
    root = FOLDERS[name](folder)
    write_card(root)
    text = stable((root / "README.md").read_text())
    text = re.sub(r"((?:num_bytes|download_size|dataset_size): )\d+", r"\g<1>0", text)
    text = re.sub(r"^(\| `\w+` \| \d+ \| \d+ \|) [\d,]+ \|$", r"\1 0 |", text, flags=re.MULTILINE)
    text = re.sub(r"\| (?:pillow|Pillow) [^|]*\|", "| CODECS |", text)
    return text.replace(f"flickrexif {flickrexif.__version__}", "flickrexif")


@pytest.mark.parametrize("name", NAMES)
def test_golden_card(name: str, tmp_path: Path) -> None:
    text = card_of(name, tmp_path)
    assert text == (GOLDEN / f"card-{name}.md").read_text("utf-8")
    assert DatasetCard(text).data.to_dict()["configs"]


if __name__ == "__main__":
    for one in NAMES:
        with TemporaryDirectory() as made:
            (GOLDEN / f"card-{one}.md").write_text(card_of(one, Path(made)), "utf-8")
