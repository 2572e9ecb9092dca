"""Embedding files to result records: the measurements by their tasks."""

from pathlib import Path

from flickrexif.eval.measure.base import Measurement, typed
from flickrexif.eval.measure.knn import Knn
from flickrexif.eval.measure.masking import Masking
from flickrexif.eval.measure.mitigation import Mitigation
from flickrexif.eval.measure.neighbors import Neighbors
from flickrexif.eval.measure.probe.measurement import Probe
from flickrexif.eval.measure.retrieval import Retrieval
from flickrexif.eval.measure.similarity import Similarity
from flickrexif.eval.measure.strips import Strips
from flickrexif.eval.measure.tsne import Tsne
from flickrexif.eval.results import Result, read_json

__all__ = ["MEASUREMENTS", "Measurement", "read_result", "read_results"]

MEASUREMENTS: dict[str, type[Measurement]] = {
    kind.task: kind for kind in (Probe, Knn, Similarity, Masking, Neighbors, Retrieval, Tsne, Strips, Mitigation)
}
"""Task -> its measurement, in the order in which they are made."""


def read_result(path: Path) -> Result:
    """The record in a file, with a typed detail where the measurement is known here.

    Raises FlickrExifError with every problem of a file that is not a result record.
    """
    result = read_json(path)
    return typed(result, MEASUREMENTS[result.task], str(path)) if result.task in MEASUREMENTS else result


def read_results(folder: Path) -> list[Result]:
    """The records (*.json) of a folder and its subfolders, sorted by path."""
    return [read_result(path) for path in sorted(folder.rglob("*.json"))]
