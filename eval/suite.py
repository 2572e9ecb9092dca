"""The whole benchmark: every measurement that the data at hand allow, from images to result records.

`prepare` looks at what there is and plans, `run_suite` does it, `evaluate` is both for one encoder.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from flickrexif.core.errors import UsageError
from flickrexif.eval.devices import pick_device
from flickrexif.eval.encoders import as_encoder, expand
from flickrexif.eval.probe import Protocol
from flickrexif.eval.results import Result
from flickrexif.eval.suite_own import own_record
from flickrexif.eval.suite_plan import Candidate, Known, earlier_records, plan, read_speeds
from flickrexif.eval.suite_running import Outcome, Progress, Suite, SuiteSettings, run_suite
from flickrexif.eval.suite_sets import image_sets
from flickrexif.eval.suite_tasks import check_tasks, measurements

__all__ = ["Outcome", "Suite", "SuiteSettings", "candidates_of", "evaluate", "prepare", "run_suite"]


def evaluate(
    encoder: Any,
    *,
    data_dir: Path | str = "data",
    name: str = "",
    images: Sequence[str] = (),
    tasks: Sequence[str] = (),
    protocol: Protocol = "paper",
    seeds: int = 10,
    resume: bool = True,
    device: str = "auto",
    workers: int = 0,
    progress: Progress | None = None,
) -> list[Result]:
    """All measurements of one encoder that the data in `data_dir` allow; their records are in `data_dir`/results.

    `encoder` is a name (`lite0`, `@ctl`) or an object with `embed(batch [n, 3, size, size]) -> [n, d]`, see
    `encoders.own.as_encoder`, known as `name` (else as its class). A measurement that failed has metrics of None
    and `detail["reason"]`. UsageError where there is nothing to measure.
    """
    settings = SuiteSettings(
        data_dir=Path(data_dir),
        images=tuple(images),
        tasks=tuple(tasks),
        protocol=protocol,
        seeds=seeds,
        resume=resume,
        device=device,
        workers=workers,
    )
    if isinstance(encoder, str):
        candidates = candidates_of([encoder])
    else:
        record = own_record(encoder, name)
        own = as_encoder(encoder, record.name, record, device=pick_device(device))
        candidates = [Candidate(own.record, own)]
    outcomes = run_suite(prepare(settings, candidates), progress)
    return [outcome.result for outcome in outcomes if outcome.result is not None]


def candidates_of(names: Sequence[str]) -> list[Candidate]:
    """The encoders of names, collections and files of names, not loaded. UsageError for a name that is none."""
    return [Candidate(record) for record in expand(names)]


def prepare(settings: SuiteSettings, candidates: Sequence[Candidate]) -> Suite:
    """Look at what there is and make the plan; nothing is written and no encoder is loaded.

    UsageError for settings that cannot be, and where nothing at all can be measured.
    """
    settings = replace(settings, device=pick_device(settings.device))
    if settings.seeds < 1:
        raise UsageError(f"A probe needs a draw of the processing, not {settings.seeds}.", "Give --seeds 10.")
    check_tasks(settings.tasks)
    if not settings.data_dir.is_dir():
        raise UsageError(f"There is no data folder {settings.data_dir}.", "Name it with --data-dir.")
    sets, broken = image_sets(settings.data_dir, settings.images, settings.embeddings)
    known = Known(
        embeddings=settings.embeddings,
        results=settings.results,
        sets={one.name: one for one in sets},
        records=earlier_records(settings.results),
        speeds=read_speeds(settings.results),
    )
    measured = measurements(sets, broken, settings.data_dir / "flickrexif", settings.tasks)
    items = plan(candidates, measured, known, settings.protocols, resume=settings.resume)
    if all(item.state == "not possible" and not item.measurement.broken for item in items):
        reasons = dict.fromkeys(f"{item.measurement.dataset}: {item.reason}" for item in items)
        raise UsageError(f"There is nothing to measure in {settings.data_dir}.", "; ".join(reasons) + ".")
    return Suite(settings, known, items)
