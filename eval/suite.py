"""The whole benchmark: every measurement that the data at hand allow, from images to result records.

`prepare` makes the plan, `run_suite` carries it out; `flickrexif.evaluate` does both.
"""

from collections.abc import Sequence
from dataclasses import replace

from flickrexif.core.errors import UsageError
from flickrexif.eval.devices import pick_device
from flickrexif.eval.suite_plan import Candidate, Inventory, earlier_records, plan, read_speeds
from flickrexif.eval.suite_running import Outcome, Suite, SuiteSettings, run_suite
from flickrexif.eval.suite_sets import image_sets
from flickrexif.eval.suite_tasks import check_tasks, measurements

__all__ = ["Outcome", "Suite", "SuiteSettings", "prepare", "run_suite"]


def prepare(settings: SuiteSettings, candidates: Sequence[Candidate]) -> Suite:
    """Make the plan from the data, records and embeddings that exist; writes nothing and loads no encoder.

    Raises UsageError for impossible settings, and where nothing at all can be measured.
    """
    settings = replace(settings, device=pick_device(settings.device))
    if settings.seeds < 1:
        raise UsageError(f"A probe needs a draw of the processing, not {settings.seeds}.", "Give --seeds 10.")
    check_tasks(settings.tasks)
    if not settings.data_dir.is_dir():
        raise UsageError(f"There is no data folder {settings.data_dir}.", "Name it with --data-dir.")
    sets, broken = image_sets(settings.data_dir, settings.images, settings.embeddings)
    inventory = Inventory(
        embeddings=settings.embeddings,
        results=settings.results,
        sets={image_set.name: image_set for image_set in sets},
        records=earlier_records(settings.results),
        speeds=read_speeds(settings.results),
    )
    measured = measurements(sets, broken, settings.data_dir / "flickrexif", settings.tasks)
    items = plan(candidates, measured, inventory, settings.protocols, resume=settings.resume)
    if all(item.state == "not possible" and not item.measurement.broken for item in items):
        reasons = dict.fromkeys(f"{item.measurement.dataset}: {item.reason}" for item in items)
        raise UsageError(f"There is nothing to measure in {settings.data_dir}.", "; ".join(reasons) + ".")
    return Suite(settings, inventory, items)
