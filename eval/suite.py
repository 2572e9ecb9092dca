"""The whole benchmark: every measurement that the data at hand allow, from images to result records.

`prepare` makes the plan, `run_suite` carries it out; `flickrexif.evaluate` does both.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from flickrexif.core.errors import UsageError
from flickrexif.eval.data.catalog import image_sets
from flickrexif.eval.encoders import Candidate
from flickrexif.eval.encoders.devices import pick_device
from flickrexif.eval.encoders.digests import OF_A_FILE
from flickrexif.eval.encoders.faults import EncoderError, encoder_code
from flickrexif.eval.suite_plan import Inventory, Item, earlier_records, plan, read_speeds
from flickrexif.eval.suite_running import Outcome, Suite, SuiteSettings, run_suite
from flickrexif.eval.suite_tasks import check_tasks, measurements

__all__ = ["Outcome", "Suite", "SuiteSettings", "prepare", "run_suite"]


def prepare(
    settings: SuiteSettings, candidates: Sequence[Candidate], tell: Callable[[str], None] | None = None
) -> Suite:
    """Make the plan from the data, records and embeddings that exist; writes nothing.

    With `tell`, which gets messages, an encoder is loaded where its embeddings exist and loading alone tells whether it
    was changed since they were made; without, none is. Raises UsageError for impossible settings, and where nothing at
    all can be measured.
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
    planned = partial(
        plan, measured=measured, inventory=inventory, protocols=settings.protocols, resume=settings.resume
    )
    items = planned(candidates)
    if tell is not None and (unknown := _with_embeddings_of_unknown(items)):
        compared = {key: _loaded_once(candidate, tell) for key, candidate in unknown.items()}
        items = planned([compared.get(candidate.spec.key, candidate) for candidate in candidates])
    if all(item.state == "not possible" and not item.measurement.broken for item in items):
        reasons = dict.fromkeys(f"{item.measurement.dataset}: {item.reason}" for item in items)
        raise UsageError(f"There is nothing to measure in {settings.data_dir}.", "; ".join(reasons) + ".")
    return Suite(settings, inventory, items)


def _with_embeddings_of_unknown(items: Sequence[Item]) -> dict[str, Candidate]:
    """By key the encoders that have embeddings and whose digest only loading tells.

    Where weights of one file are not on this machine, its embeddings are taken for its own.
    """
    return {
        item.candidate.spec.key: item.candidate
        for item in items
        if item.state != "not possible"
        and len(item.missing) < len(item.measurement.needs)
        and item.candidate.spec.backend not in OF_A_FILE
        and not item.candidate.spec.digest
    }


def _loaded_once(candidate: Candidate, tell: Callable[[str], None]) -> Candidate:
    """The candidate with its record complete; it is loaded for this, and let go."""
    try:
        with encoder_code(f"loading {candidate.spec.key}"):
            return replace(candidate, spec=candidate.load().spec)
    except EncoderError as error:
        tell(f"{candidate.spec.key} cannot be loaded ({error.reason}); its embeddings are taken as they are.")
        return candidate
