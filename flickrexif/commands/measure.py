"""`eval knn`, `eval probe` and the others: one measurement over embedding files, one result record."""

from collections.abc import Callable
from typing import Any

from flickrexif.commands.places import Place, data_folder, path_of
from flickrexif.core.errors import UsageError
from flickrexif.core.folder import DataFolder
from flickrexif.eval.measure.inputs import EmbeddingFiles
from flickrexif.eval.measure.probe.probe import ProbeSettings
from flickrexif.eval.measure.tasks_neighbors import run_knn, run_masking, run_neighbors, run_retrieval, run_similarity
from flickrexif.eval.measure.tasks_pictures import run_strips, run_tsne
from flickrexif.eval.measure.tasks_probe import run_mitigation, run_probe
from flickrexif.eval.results import Result, write_result

MEASUREMENTS: dict[str, Callable[..., Result]] = {
    "knn": run_knn,
    "probe": run_probe,
    "retrieval": run_retrieval,
    "neighbors": run_neighbors,
    "similarity": run_similarity,
    "masking": run_masking,
    "mitigation": run_mitigation,
    "tsne": run_tsne,
    "strips": run_strips,
}
DATASETS = {"retrieval": "PairCams", "neighbors": "FlickrExif", "tsne": "FlickrExif"}  # where none is named
MEMORY = {"memory": "4G"}
DEFAULTS: dict[str, dict[str, str]] = {
    "knn": MEMORY,
    "neighbors": MEMORY,
    "similarity": MEMORY,
    "masking": MEMORY,
    "probe": {"protocol": "paper"},
    "mitigation": {"protocol": "fast"},
}
PLACES = ("labels", "splits", "weights")
UNITS = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def measure(
    task: str,
    *,
    model: str,
    variant: str,
    dataset: str | None = None,
    embeddings: Place | None = None,
    mask: float | None = None,
    out: Place | None = None,
    data_dir: Place | None = None,
    **settings: Any,
) -> Result:
    """Measure one encoder over its embedding files; `settings` are those of `flickrexif eval TASK`.

    `model` and `variant` are the words of the file names, `dataset` the folder within `embeddings` (None: that folder
    in the data folder). The record is written to `out` if given. Raises UsageError for a missing file or an unknown
    name, FlickrExifError for a broken file, TypeError for a setting that the task does not have.
    """
    if task not in MEASUREMENTS:
        raise UsageError(f"There is no measurement {task[:40]!r}.", f"Known: {', '.join(MEASUREMENTS)}.")
    dataset = dataset or DATASETS.get(task)
    if dataset is None:
        raise UsageError("No data set was named.", "Give its folder within the embeddings, such as ImageNet.")
    root = path_of(embeddings) if embeddings else data_folder(data_dir).path / "embeddings"
    files = EmbeddingFiles(root=root, dataset=dataset, model=model, variant=variant, mask=mask)
    arguments = _arguments(task, settings)
    written = [path_of(place) for place in (out, settings.get("weights")) if place]
    if not written:
        return MEASUREMENTS[task](files, **arguments)
    with (DataFolder.holding(root) or data_folder(data_dir)).writing(f"eval {task}", beside=True) as home:
        home.register(*written)
        result = MEASUREMENTS[task](files, **arguments)
        if out:
            write_result(path_of(out), result)
    return result


def _arguments(task: str, settings: dict[str, Any]) -> dict[str, Any]:
    """The settings as the task takes them."""
    settings = DEFAULTS.get(task, {}) | settings
    for name in PLACES:
        if settings.get(name) is not None:
            settings[name] = path_of(settings[name])
    if isinstance(settings.get("memory"), str):
        settings["memory"] = bytes_of(settings["memory"])
    if "protocol" in settings:
        probe = {name: settings.pop(name) for name in ("protocol", "seed", "device") if name in settings}
        settings["settings"] = ProbeSettings(**probe)
    if task == "neighbors" and "k" in settings:
        settings["ks"] = settings.pop("k")
    return settings


def bytes_of(text: str) -> int:
    """Bytes of a size such as 4G or 512M."""
    number, unit = text[:-1], text[-1:].upper()
    try:
        size = int(float(number) * UNITS[unit]) if unit in UNITS else int(text)
    except ValueError:
        size = 0
    if size < 1:
        raise UsageError(f"--memory {text[:20]} is no size.", "Write it as 4G or 512M.")
    return size
