"""`submit`: an encoder's records of a named benchmark as one file, to be compared with by others."""

from pathlib import Path

from flickrexif.commands.places import Place, data_folder, path_of
from flickrexif.core.errors import UsageError
from flickrexif.core.files import put_text
from flickrexif.eval.data.benchmark import benchmark_of
from flickrexif.eval.measure import read_results
from flickrexif.eval.submission import from_text, to_text
from flickrexif.eval.suite import folder_of


def submit(
    encoder: str,
    *,
    benchmark: str = "imagenette-mini",
    results: Place | None = None,
    out: Place | None = None,
    data_dir: Place | None = None,
    dry_run: bool = False,
) -> Path:
    """Check the records of `encoder` in `results` (None: the data folder's) and write them as one file; returns it.

    `encoder` is its name in the records. `out` is the file (None: its name and .json, in the current folder); with
    `dry_run` it is not written. Raises FlickrExifError with what is wrong or missing.
    """
    folder = path_of(results) if results else data_folder(data_dir).path / "results"
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}.", "Name that of the records with --results.")
    text = to_text(benchmark_of(benchmark), encoder, read_results(folder))
    path = path_of(out) if out else Path(f"{folder_of(encoder)}.json")
    from_text(text, str(path))
    if not dry_run:
        put_text(path, text)
    return path
