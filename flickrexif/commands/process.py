"""`process`: ImageNet, iNaturalist or any labelled images, in variants with a known processing label."""

import time
from collections.abc import Iterable
from typing import Literal

from flickrexif.cards import write_card
from flickrexif.commands.places import Place, data_folder, home_of, output_at, several
from flickrexif.processing.build import ProcessReport, ProcessSettings, Progress, check_settings
from flickrexif.processing.build import dry_run as estimated
from flickrexif.processing.build import process as make


def process(
    source: Place,
    *,
    out: Place | None = None,
    parameter: str | None = None,
    variant: str | Iterable[str] | None = None,
    draw: Literal["uniform", "balanced"] | None = None,
    seed: int = 0,
    split: str | None = None,
    limit: int | None = None,
    workers: int = 2,
    engine: Literal["local", "ray"] = "local",
    address: str | None = None,
    shard: str = "",
    dry_run: bool = False,
    data_dir: Place | None = None,
    progress: Progress | None = None,
) -> ProcessReport:
    """Make variants of the images in `source` (a folder or a Hugging Face data set) as the data set `out`.

    Each class of `parameter`, or each `variant`, is a config; with `draw` each image is in one class. `out=None` is
    `imagenet-traces` in the data folder. `shard="3/8"` makes every eighth file from the third on, for machines that
    share `out`; a call without it finishes the data set. With `dry_run` nothing is written, and the report has an
    estimate. Images that fail are counted in the report. Raises UsageError for impossible settings and when another
    command writes, FlickrExifError when a worker dies; the same call then goes on.
    """
    data_set = output_at(out) if out else data_folder(data_dir).path / "imagenet-traces"
    settings = ProcessSettings(
        source=str(source),
        out=data_set,
        variants=several(variant),
        parameter=parameter,
        draw=draw,
        seed=seed,
        split=split,
        limit=limit,
        workers=workers,
        engine=engine,
        address=address,
        shard=shard,
    )
    check_settings(settings)
    if dry_run:
        return estimated(settings, time.perf_counter)
    with home_of(source, data_dir).writing("process", data_set, beside=bool(shard)):
        report = make(settings, progress)
        if not shard and any(part.rows for part in report.parts):
            write_card(data_set)
    return report
