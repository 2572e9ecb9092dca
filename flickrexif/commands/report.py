"""`report`: result records as one page, figures and tables."""

from collections.abc import Iterable

from flickrexif.commands.places import Place, data_folder, home_of, path_of, several
from flickrexif.eval.report.build import Report, write_report
from flickrexif.eval.report.render.files import FORMATS


def report(
    results: Place | None = None,
    *,
    out: Place | None = None,
    baseline: Place | None = None,
    data_dir: Place | None = None,
    formats: str | Iterable[str] = ",".join(FORMATS),
    reference: bool = True,
) -> Report:
    """Write a page with leaderboard, figures and tables of the records in `results` (None: the data folder's).

    `out` is its folder (None: `report` beside the records), `baseline` another folder of records to compare with,
    `formats` those of the figures for print. `reference` shows the records of a named benchmark that ship with the
    package, where there are records of it. Pictures come from the data folder. Raises UsageError when there is
    nothing to report, `out` holds another page, or another command writes.
    """
    folder = data_folder(data_dir)
    records = path_of(results) if results else folder.path / "results"
    names = [name for text in several(formats) for part in text.split(",") if (name := part.strip().lower())]
    home = home_of(records, data_dir)
    with home.writing("report"):
        return write_report(
            records,
            path_of(out) if out else records.parent / "report",
            baseline=path_of(baseline) if baseline else None,
            data_dir=folder.path,
            formats=names,
            reference=reference,
            register=home.register,
        )
