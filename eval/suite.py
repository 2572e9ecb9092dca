"""Every measurement that the data at hand allow, of any number of encoders: the plan, and carrying it out.

Encoders are loaded in groups that share one pass over the images. Each embedding file and each record is made once;
those that exist and still hold are kept. What an encoder raises, or what is wrong with the data, becomes a record with
a reason, and a log beside it with the traceback; the rest goes on. Our own faults and a full disk end the run.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any, Literal, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from flickrexif.core.errors import FlickrExifError, MachineError, UsageError
from flickrexif.core.files import put_bytes, put_text, remove
from flickrexif.eval.data.catalog import IDENTITY, DataSet
from flickrexif.eval.data.embeddings import UNSAFE, EmbeddingKey, read_metadata
from flickrexif.eval.embed.run import embed
from flickrexif.eval.embed.settings import Combo, EmbedSettings, Work
from flickrexif.eval.embed.store import file_names
from flickrexif.eval.encoders import Candidate
from flickrexif.eval.encoders.digests import same_encoder
from flickrexif.eval.encoders.faults import EncoderError, Fault
from flickrexif.eval.encoders.groups import by_memory
from flickrexif.eval.measure import MEASUREMENTS, Measurement, read_result
from flickrexif.eval.measure.base import LACKS, Outcome, Subject, no_result, present_key, run
from flickrexif.eval.results import LOG, Result, State, log_path, write_result
from flickrexif.processing.variants import variant

ALL = "all"
Todo = Literal["done", "to do", "not possible"]
Progress = Callable[[float, float, str], None]
"""Called with the files and records that are made, of how many, and with what is being made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteSettings:
    """Where files are and how they are made; what the numbers depend on is in the measurements."""

    embeddings: Path
    results: Path  # the folder of the records, or, for a single measurement, the file of its record
    as_they_are: bool = False  # True where no image is embedded, and embeddings are taken for those of their names
    resume: bool = True
    heads: bool = False  # whether to keep trained heads and projections beside the records
    device: str = "cpu"
    workers: int = 0
    memory: int = 2 * 2**30  # bytes to measure in

    @property
    def measuring_device(self) -> str:
        """Where to measure: the CPU unless the encoders are on a CUDA device."""
        return self.device if self.device.startswith("cuda") else "cpu"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One measurement of one encoder."""

    candidate: Candidate
    measurement: Measurement
    subject: Subject
    path: Path  # of the record
    state: Todo = "to do"
    reason: str = ""  # why it is not possible
    missing: tuple[EmbeddingKey, ...] = ()  # embedding files that have to be made for it
    images: int = 0  # embeddings to make for it that no earlier item needs
    seconds: float | None = None  # that it took before, itself or for other encoders
    record: Result | None = None  # the earlier one

    @property
    def has_values(self) -> bool:
        """Whether there is a record of a measurement that was made."""
        return self.record is not None and self.record.state == "measured"


@dataclass(frozen=True, slots=True)
class Done:
    """The outcome of an item of the plan."""

    item: Item
    result: Result | None  # None where the data for it are missing
    failed: str = ""  # why it failed


# --- which measurements


def tasks_of(names: Sequence[str]) -> list[str]:
    """The tasks of these names; `all`, or no name, stands for each. UsageError for another name."""
    if unknown := [name for name in names if name not in (*MEASUREMENTS, ALL)]:
        raise UsageError(f"There is no task {unknown[0][:40]!r}.", f"Known: {', '.join((*MEASUREMENTS, ALL))}.")
    everything = ALL in names or not names
    return [task for task in MEASUREMENTS if everything or task in names]


def measurements(
    sets: Iterable[DataSet], tasks: Sequence[str], settings: Mapping[str, Any]
) -> list[tuple[DataSet, Measurement, str]]:
    """The measurements of the data sets with these settings, each with the reason why it cannot be made, if any.

    A setting is `task.field`, or `field` for all tasks that have it; `parameter` and `attribute` choose among the
    measurements. Raises UsageError for a field that none of the tasks has, and for a value that is none.
    """
    for name in settings:
        if not any(_has(task, name) for task in tasks):
            fields_by_task = "; ".join(f"{task}: {', '.join(_fields(MEASUREMENTS[task]))}" for task in tasks)
            raise UsageError(f"There is no setting {name[:60]!r}.", f"Known: {fields_by_task}.")
    possible = [(data, m, reason) for task in tasks for data in sets for m, reason in MEASUREMENTS[task].of(data)]
    settings = {name: _chosen(name, value, possible) for name, value in settings.items()}
    by_task = {task: _settings_of(MEASUREMENTS[task], settings) for task in tasks}
    return [
        (data, replace(measurement, **by_task[measurement.task]), reason)
        for data, measurement, reason in possible
        if all(by_task[measurement.task].get(name, value) == value for name, value in _choices(measurement).items())
    ]


def settings_for(tasks: Iterable[str], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the settings that one of the tasks has."""
    return {name: value for name, value in settings.items() if any(_has(task, name) for task in tasks)}


def _has(task: str, name: str) -> bool:
    return _field(task, name) in _fields(MEASUREMENTS[task])


def _choices(measurement: Measurement) -> dict[str, str | None]:
    """The settings that choose among the measurements of a task."""
    return {"parameter": measurement.parameter, "attribute": measurement.attribute}


def _chosen(name: str, value: Any, possible: Sequence[tuple[DataSet, Measurement, str]]) -> Any:
    """The value, spelt as the measurements that it chooses. UsageError where it chooses none."""
    among = [(data, m, reason) for data, m, reason in possible if _field(m.task, name) in _choices(m)]
    values = {_choices(m)[_field(m.task, name)] for _, m, _ in among}
    value = {str(known).casefold(): known for known in values}.get(str(value).casefold(), value)
    if among and value not in values:
        lacks = dict.fromkeys(f"{data.name}: {reason}" for data, _, reason in among if reason)
        there = ", ".join(sorted(filter(None, values))) or "; ".join(lacks) or "none"
        raise UsageError(f"There is no {name} {str(value)[:40]!r} to measure.", f"There: {there}.")
    return value


def _field(task: str, name: str) -> str:
    """The field that a setting names for the task; "" where it names another's."""
    of, dot, field = name.rpartition(".")
    return field if not dot or of == task else ""


def _fields(kind: type[Measurement]) -> dict[str, Any]:
    """The fields of a measurement that can be set, with their types; nested ones are the protocol's."""
    hints = get_type_hints(kind, include_extras=True)
    return {f.name: hints[f.name] for f in fields(kind) if not is_dataclass(hints[f.name])}


def _settings_of(kind: type[Measurement], settings: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in settings.items():
        if (field := _field(kind.task, name)) in (hints := _fields(kind)):
            is_text = get_origin(hints[field]) is tuple and not isinstance(value, list | tuple)
            try:
                values[field] = TypeAdapter(hints[field]).validate_python(str(value).split(",") if is_text else value)
            except ValidationError as error:
                reason = error.errors()[0]["msg"]
                raise UsageError(f"{kind.task}.{field} cannot be {str(value)[:40]!r} ({reason}).", SET) from None
    return values


SET = "Write --set TASK.FIELD=VALUE, such as --set knn.k=1 or --set neighbors.k=10,25."


# --- the plan


def plan(
    candidates: Sequence[Candidate],
    measured: Sequence[tuple[DataSet, Measurement, str]],
    settings: SuiteSettings,
    tell: Callable[[str], None] | None = None,
) -> list[Item]:
    """An item for each encoder and measurement, from the data, records and embeddings that exist; writes nothing.

    With `tell`, which gets messages, an encoder is loaded where its embeddings exist and loading alone tells whether it
    was changed since they were made; without, none is. Raises UsageError where two encoders would write the same
    records, and where nothing at all can be measured.
    """
    if settings.results.suffix == ".json" and len(candidates) * len(measured) != 1:
        count = f"{len(candidates) * len(measured):,} measurements"
        raise UsageError(f"{settings.results} is a file for one record, not for {count}.", "Name a folder with --out.")
    folders: dict[str, str] = {}
    for candidate in candidates:
        key = candidate.spec.key
        if (first := folders.setdefault(folder_of(key), key)) != key:
            raise UsageError(f"{first} and {key} would share their records.", "Measure them in different folders.")
    earlier = _earlier_seconds(settings.results)
    compared = [_compared(candidate, measured, settings, tell) for candidate in candidates]
    items = [item for candidate in compared for item in _items(candidate, measured, settings, earlier)]
    if all(item.state == "not possible" and not item.subject.data.broken for item in items):
        reasons = dict.fromkeys(f"{item.subject.data.name}: {item.reason}" for item in items)
        raise UsageError("There is nothing to measure.", f"{'; '.join(reasons)}.")
    return items


def _compared(
    candidate: Candidate,
    measured: Sequence[tuple[DataSet, Measurement, str]],
    settings: SuiteSettings,
    tell: Callable[[str], None] | None,
) -> Candidate:
    """The candidate with its digest where it is needed: where embeddings of its name exist, whoever made them."""
    if settings.as_they_are:
        return candidate
    candidate = replace(candidate, spec=candidate.compared)
    if tell is None or not candidate.only_loading_tells:
        return candidate
    subjects = ((_subject(candidate, data, settings), m) for data, m, reason in measured if not reason)
    if not any(key.path(settings.embeddings).exists() for subject, m in subjects for key in subject.keys(m)):
        return candidate
    try:
        return replace(candidate, spec=candidate.load().spec)
    except EncoderError as error:
        tell(f"{candidate.spec.key} cannot be loaded ({error.reason}); its embeddings are taken as they are.")
        return candidate


def _items(
    candidate: Candidate,
    measured: Sequence[tuple[DataSet, Measurement, str]],
    settings: SuiteSettings,
    seconds: Mapping[str, float],
) -> Iterator[Item]:
    up_to_date: dict[EmbeddingKey, bool] = {}
    counted: set[EmbeddingKey] = set()
    for data, measurement, reason in measured:
        subject = _subject(candidate, data, settings)
        keys = [] if reason else subject.keys(measurement)
        up_to_date |= {k: _is_up_to_date(k, candidate, data, settings) for k in keys if k not in up_to_date}
        path = _path(candidate, data, measurement, settings.results)
        item = Item(
            candidate=candidate,
            measurement=measurement,
            subject=subject,
            path=path,
            missing=tuple(key for key in keys if not up_to_date[key]),
            seconds=seconds.get(str(path), seconds.get(path.name)),
            record=_earlier(path),
        )
        if reason := reason or _lost(item):
            yield replace(item, state="not possible", reason=reason, missing=())
        elif settings.resume and not item.missing and _is_done(item, settings):
            yield replace(item, state="done")
        else:
            new = set(item.missing) - counted
            counted |= new
            yield replace(item, images=sum(len(data.source(key) or ()) for key in new))


def _subject(candidate: Candidate, data: DataSet, settings: SuiteSettings) -> Subject:
    model, name = file_names(candidate.spec)
    return Subject(data=data, root=settings.embeddings, model=model, variant=name, spec=candidate.spec)


def _path(candidate: Candidate, data: DataSet, measurement: Measurement, results: Path) -> Path:
    """Where the record is: control-dct/probe_FlickrExif_Make_mask=0.9.json in the folder of the records."""
    if results.suffix == ".json":
        return results
    usual = {f.name: f.default for f in fields(measurement)}
    decisive = [
        f"{name}={value}" for name in measurement.decisive if (value := getattr(measurement, name)) != usual[name]
    ]
    mask = [f"mask={measurement.mask:g}"] if measurement.mask else []
    parts = filter(None, (measurement.task, data.name, measurement.label, *decisive, *mask))
    name = "_".join(part.translate(UNSAFE).replace(" ", "-") for part in parts)
    return results / folder_of(candidate.spec.key) / f"{name}.json"


def folder_of(key: str) -> str:
    """The folder of an encoder's records."""
    return key.translate(UNSAFE)


def _is_up_to_date(key: EmbeddingKey, candidate: Candidate, data: DataSet, settings: SuiteSettings) -> bool:
    """Whether the file exists and was made from these images by this encoder, as far as its settings tell."""
    path, source = key.path(settings.embeddings), data.source(key)
    if not path.exists():
        return False
    if settings.as_they_are:
        return True
    try:
        stored = json.loads(read_metadata(path)[0].get("settings", "null"))
    except FlickrExifError:
        return source is None  # measuring it will say so
    if stored is None:  # of another program
        return source is None
    same = same_encoder(stored.get("encoder", {}), candidate.spec)
    if not (same == "same" or (same == "no digest" and candidate.encoder is None)):
        return False
    return source is None or bool(stored.get("data") == source.fingerprint and stored.get("mask") == key.mask)


def _lost(item: Item) -> str:
    """The reason why missing embeddings cannot be made; "" where they can."""
    lost = item.missing and not item.subject.data.sources
    count = len(item.missing)
    return f"{count} of its embedding files are not here or of other weights, nor are the images here" if lost else ""


def _earlier(path: Path) -> Result | None:
    try:
        return read_result(path) if path.exists() else None
    except FlickrExifError:  # no record: it is made anew
        return None


def _is_done(item: Item, settings: SuiteSettings) -> bool:
    """Whether the record is of the same settings, encoder and inputs, and has what is asked for."""
    record = item.record
    if record is None or record.state != "measured":
        return False
    trained = item.measurement.keeps_tensors and not record.reason
    if settings.heads and trained and not heads_path(item.path).exists():
        return False
    try:
        return record.key == present_key(item.measurement, item.subject)
    except FlickrExifError:  # an unreadable file: running the measurement will say so
        return False


def _earlier_seconds(results: Path) -> dict[str, float]:
    """Seconds of earlier records by path, and the median over encoders by name of the file."""
    by_path = {
        str(path): r.seconds for path in results.glob("*/*.json") if (r := _earlier(path)) and r.state == "measured"
    }
    by_name: dict[str, list[float]] = {}
    for path, seconds in by_path.items():
        by_name.setdefault(Path(path).name, []).append(seconds)
    return by_path | {name: median(values) for name, values in by_name.items()}


# --- the run


def run_suite(
    items: Sequence[Item],
    settings: SuiteSettings,
    progress: Progress | None = None,
    tell: Callable[[str], None] | None = None,
) -> list[Done]:
    """Carry out the plan; returns an outcome for each item, in its order.

    After an interruption, plan again and run the new plan. `tell` gets messages on the way. Raises FlickrExifError
    where a record cannot be written.
    """
    tell = tell or (lambda _: None)
    todo = [item for item in items if item.state == "to do"]
    steps = _Steps(progress or (lambda *_: None), len({key for item in todo for key in item.missing}) + len(todo))
    outcomes = {id(item): _settled(item, tell) for item in items if item.state != "to do"}
    by_encoder: dict[str, list[Item]] = {}
    for item in todo:
        by_encoder.setdefault(item.candidate.spec.key, []).append(item)
    for group in by_memory(group_items[0].candidate.spec for group_items in by_encoder.values()):
        together = [item for spec in group for item in by_encoder[spec.key]]
        faults = _embed(together, settings, steps, tell)
        for item in together:
            steps.at(_name(item))
            outcomes[id(item)] = _measured(item, [faults[key] for key in item.missing if key in faults], settings, tell)
            steps.done += 1
    steps.at("")
    return [outcomes[id(item)] for item in items]


def _name(item: Item) -> str:
    return (
        f"{item.candidate.spec.key}: {item.measurement.task} {item.measurement.label} {item.subject.data.name}".replace(
            "  ", " "
        )
    )


@dataclass(slots=True)
class _Steps:
    """Counts the files and records that are made."""

    progress: Progress
    total: int
    done: float = 0.0

    def at(self, text: str, more: float = 0.0) -> None:
        """Show what comes next, when `more` steps are done than those counted."""
        self.progress(self.done + more, self.total, text)


def _embed(
    items: Sequence[Item], settings: SuiteSettings, steps: _Steps, tell: Callable[[str], None]
) -> Mapping[EmbeddingKey, Fault]:
    """Make the embedding files that the items lack; returns why some could not be made.

    Whole images come first: an encoder that fails on masked ones, and is left out then, has these.
    """
    combos: dict[tuple[bool, int], tuple[Any, set[Combo]]] = {}
    missing = {key: item for item in items for key in item.missing}
    for key, item in missing.items():
        source = item.subject.data.source(key)
        made = item.subject.data.on_the_fly and key.processing != IDENTITY
        combo = Combo(variant(key.processing) if made else None, key.mask or None)
        combos.setdefault((combo.mask is not None, id(source)), (source, set()))[1].add(combo)
    if not missing:
        return {}
    candidates = list({item.candidate.spec.key: item.candidate for item in missing.values()}.values())
    names = ", ".join([candidate.spec.key for candidate in candidates][:3] + ["…"] * (len(candidates) > 3))

    def progress(done: int, total: int, _: Mapping[str, int]) -> None:
        steps.at(f"{names}: embedding", len(missing) * done / total if total else 0.0)

    embedding = EmbedSettings(out=settings.embeddings, device=settings.device, workers=settings.workers)
    by_mask = sorted(combos.items(), key=lambda item: item[0][0])
    work = [Work(source, tuple(sorted(of_source, key=str))) for _, (source, of_source) in by_mask]
    report = embed(embedding, candidates, work, progress, tell)
    steps.done += len(missing)
    return report.faults


def _measured(item: Item, faults: Sequence[Fault], settings: SuiteSettings, tell: Callable[[str], None]) -> Done:
    if faults:
        return _without_values(item, "failed", faults[0], tell)
    try:
        result, outcome = run(item.measurement, item.subject, device=settings.measuring_device, memory=settings.memory)
    except MachineError:
        raise
    except FlickrExifError as error:  # of the data
        return _without_values(item, "failed", Fault.of(error), tell)
    write_result(item.path, result)
    remove([log_path(item.path)])
    if settings.heads and outcome.tensors:
        put_bytes(heads_path(item.path), _safetensors(outcome, result))
    return Done(item, result, result.reason)


def _settled(item: Item, tell: Callable[[str], None]) -> Done:
    """The outcome of an item that is done or not possible."""
    if item.state == "done":
        return Done(item, item.record, item.record.reason if item.record else "")
    if item.subject.data.broken:
        return _without_values(item, "failed", Fault(item.reason), tell)
    return _without_values(item, "not possible", Fault(item.reason), tell) if item.reason in LACKS else Done(item, None)


def _without_values(item: Item, state: State, fault: Fault, tell: Callable[[str], None]) -> Done:
    """Write a record that says why the measurement was not made, unless an earlier record has values; and the log of
    an encoder that failed."""
    if fault.log:
        put_text(log_path(item.path), f"{LOG}{fault.reason}\n\n{fault.log}")
    else:
        remove([log_path(item.path)])
    result = no_result(item.measurement, item.subject, state, fault.reason)
    if item.has_values:
        tell(f"{item.path} is kept: it could not be made anew ({fault.reason}).")
    else:
        write_result(item.path, result)
    return Done(item, result, fault.reason if state == "failed" else "")


def heads_path(path: Path) -> Path:
    """Where the tensors of a record are kept: trained heads, `weight` [H, C, d] and `bias` [H, C], or a projection."""
    return path.with_suffix(".safetensors")


def _safetensors(outcome: Outcome, result: Result) -> bytes:
    from safetensors.torch import save

    tensors = {name: tensor.cpu().contiguous() for name, tensor in outcome.tensors.items()}
    names = ("encoder", "encoder_digest", "dataset", "parameter", "attribute")
    of = {name: value for name in names if (value := getattr(result, name)) is not None}
    return save(tensors, of | {"classes": json.dumps(list(outcome.names))})
