"""Data sets of strangers that name files and addresses which are not theirs: none of them is opened."""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flickrexif.core.failures import read_failure_table, write_failure_table
from flickrexif.core.text import FORMULA, safe_cell, text_of_cell
from flickrexif.eval.data.embeddings import UNSAFE, EmbeddingKey
from flickrexif.eval.data.formats import open_images
from tests.scripted_server import ScriptedServer
from tests.test_images import image_answer
from tests.test_sources import jpeg

KINDS = {"image": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog"])}


@pytest.fixture
def inner() -> Iterator[ScriptedServer]:
    """A server of this machine's network."""
    with ScriptedServer(image_answer(jpeg(9))) as server:
        yield server


def write(folder: Path, paths: Sequence[str]) -> Path:
    """A data set as one downloads it: an image with bytes, and rows that only name a place."""
    cells = [{"bytes": jpeg(1), "path": "1.jpg"}, *({"bytes": None, "path": path} for path in paths)]
    table = pa.table({"image": cells, "label": [0] * len(cells)}, schema=datasets.Features(KINDS).arrow_schema)
    (folder / "data").mkdir(parents=True)
    pq.write_table(table, folder / "data/train-00000-of-00001.parquet")
    return folder


@pytest.fixture
def stranger(tmp_path: Path, inner: ScriptedServer) -> Path:
    private = tmp_path / "private.jpg"
    private.write_bytes(jpeg(7))
    address = inner.endpoint + "1.jpg"
    places = (
        str(private),
        "../private.jpg",
        f"file://{private}",
        address,
        f"zip://x::{address}",
        "hf://datasets/jo/x/1",
    )
    return write(tmp_path / "stranger", [*places, f"{tmp_path}/stranger/../private.jpg"])


def test_process_opens_none(
    stranger: Path, inner: ScriptedServer, tmp_path: Path, run: Callable[..., Any], offline: None
) -> None:
    code, _, err = run("process", stranger, "--out", tmp_path / "out", "--variant", "jpeg75_420", "--workers", "1")
    assert code in (0, 3), err
    rows = pq.read_table(sorted((tmp_path / "out").rglob("*.parquet"))[0])
    assert rows["image_id"].to_pylist() == ["0"]
    assert len(read_failure_table(next((tmp_path / "out").rglob("*-failures.csv")), "")) == 7
    assert inner.requests == []


@pytest.mark.parametrize("query", ["", "?label=label"])  # as Parquet files, and as `datasets` reads them
def test_embed_opens_none(stranger: Path, inner: ScriptedServer, offline: None, query: str) -> None:
    (source,) = open_images(f"{stranger}{query}")
    assert list(source.read(0, len(source))) == [jpeg(1)] + [None] * 7
    assert inner.requests == []


def test_what_is_the_data_sets_own_is_read(tmp_path: Path, offline: None) -> None:
    folder = tmp_path / "photos"
    for name in ("train/cat/1.jpg", "train/dog/2.jpg"):
        path = folder / name
        path.parent.mkdir(parents=True)
        path.write_bytes(jpeg(3))
    (source,) = open_images(f"{folder}?label=label")
    assert list(source.read(0, 2)) == [jpeg(3)] * 2


# --- names that become paths


@pytest.mark.parametrize("name", ["..", ".", "../../x", "/etc/passwd", "a/../../b", "a\\..\\b", "", "x\ny"])
def test_names_stay_below_the_folder(tmp_path: Path, name: str) -> None:
    for key in (
        EmbeddingKey(f"jo/{name}", "m", "v"),
        EmbeddingKey("d", name, name, processing=f"p{name}"),
    ):
        path = key.path(tmp_path)
        assert Path(*path.parts).resolve().is_relative_to(tmp_path)
        assert ".." not in path.parts
    assert "/" in map(chr, UNSAFE)


# --- cells that a spreadsheet would run

TEXTS = st.text(alphabet=st.sampled_from("'=+-@\t＝a1"), max_size=5) | st.text(max_size=8)


@given(TEXTS)
def test_no_cell_is_a_formula_and_none_is_lost(text: str) -> None:
    assert not safe_cell(text).startswith(FORMULA)
    assert text_of_cell(safe_cell(text)) == text
    assert safe_cell(text) in (text, f"'{text}")


def test_tables_of_failures_are_read_as_they_were_written(tmp_path: Path) -> None:
    failures = [("=cmd|' /C calc'!A0", "unreadable"), ("'=x", "missing"), ("-1/a,b.jpg", "empty"), ("é\n", "empty")]
    path = tmp_path / "failures.csv"
    write_failure_table(path, failures)
    assert read_failure_table(path, "") == failures
    rows = list(csv.reader(io.StringIO(path.read_text("utf-8"), newline="")))
    assert not any(cell.startswith(FORMULA) for row in rows for cell in row)
