"""The measurements of the suite: which there are for the data at hand, what each reads, and why others cannot be."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.eval.embeddings import UNSAFE
from flickrexif.eval.suite_sets import FLICKREXIF, IDENTITY, NO_IMAGES, PAIRCAMS, ImageSet, Need, Unreadable
from flickrexif.eval.task_files import read_split
from flickrexif.eval.tasks_probe import SPLIT_FILE
from flickrexif.processing.variants import PARAMETERS

TASKS = ("probe", "knn", "similarity", "masking", "neighbors", "retrieval", "tsne", "strips")
BY_PARAMETER = ("probe", "knn", "similarity", "strips")
UNLABELLED = ("probe", "strips")  # of these, what needs no class labels
BY_CAMERA = ("neighbors", "tsne", "strips")  # over the photos known to be of a smartphone or not
MASK = 0.9  # of the acquisition probes
MASKS = (0.0, 0.25, 0.5, 0.75, 0.9, 0.95)  # of the sweep
K = {"iNaturalist": 1}  # neighbours that vote, 10 elsewhere
KS = (10, 25, 50)  # of the same-camera neighbours
HEADLINES = {  # task -> the metrics of the summary
    "probe": ("accuracy",),
    "knn": ("all_same", "neg_same"),
    "similarity": ("same_class_same_metadata", "same_class_different_metadata"),
    "masking": ("0", "0.9"),
    "neighbors": ("10",),
    "retrieval": ("same", "different"),
    "tsne": ("same_label_in_plane",),
    "strips": ("same",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One measurement of any encoder; `reason` tells why it cannot be made."""

    task: str
    dataset: str
    parameter: str | None = None
    attribute: str | None = None
    mask: float | None = None
    needs: tuple[Need, ...] = ()
    held_out: bool = False
    labels: Path | None = None  # of BY_CAMERA: a file or folder; of an attribute's probe: the folder of split files
    reason: str = ""
    broken: bool = False  # the reason is an error, not a lack of data
    recorded: bool = False  # its images are there and only lack what it needs: a record tells the reason

    @property
    def label(self) -> str:
        """The parameter or the attribute, if any."""
        return self.parameter or self.attribute or ""

    @property
    def file_name(self) -> str:
        """The record's name in the encoder's folder: probe_FlickrExif_ISO-Speed_mask=0.9.json."""
        parts = [self.task, self.dataset, self.label, f"mask={self.mask:g}" if self.mask else ""]
        return "_".join(part.translate(UNSAFE).replace(" ", "-") for part in parts if part) + ".json"


def check_tasks(tasks: Sequence[str]) -> None:
    """Raises UsageError for a task that is none."""
    if unknown := [task for task in tasks if task not in TASKS]:
        raise UsageError(f"There is no task {unknown[0][:40]!r}.", f"Known: {', '.join(TASKS)}.")


def measurements(
    sets: Sequence[ImageSet], broken: Sequence[Unreadable], flickrexif: Path, tasks: Sequence[str]
) -> list[Measurement]:
    """Every measurement of `tasks` (all of TASKS where none is named), possible or not, in the order of TASKS.

    `flickrexif` is the folder with labels/ and splits/.
    """
    by_name = {one.name: one for one in sets}
    told = {one.name: one.reason for one in broken}
    found = [m for one in sets if one.processed for m in _of_processing(one)]
    found += _of_acquisition(by_name.get(FLICKREXIF), told.get(FLICKREXIF), flickrexif)
    found += _of_pairs(by_name.get(PAIRCAMS), told.get(PAIRCAMS))
    for name, reason in told.items():
        if name not in (FLICKREXIF, PAIRCAMS):
            found += [Measurement(task=t, dataset=name, reason=reason, broken=True) for t in (*BY_PARAMETER, "masking")]
    return sorted((m for m in found if m.task in (tasks or TASKS)), key=lambda m: TASKS.index(m.task))


# --- what there is


def _of_processing(images: ImageSet) -> Iterator[Measurement]:
    unlabelled = "" if images.classes > 1 else "its images have no class labels"
    if images.classes == 1:
        unlabelled = "its images are all of one class"
    for parameter, names in PARAMETERS.items():
        lacking = [name for name in names if not images.has(name)]
        reason = _lacking(images, lacking, parameter)
        needs = () if reason else tuple(need for name in names for need in images.needs(name))
        for task in BY_PARAMETER:
            yield _processed(images, task, parameter, needs, reason, "" if task in UNLABELLED else unlabelled)
    reason = _lacking(images, [] if images.has(IDENTITY) else [IDENTITY], None)
    needs = () if reason else tuple(need for mask in MASKS for need in images.needs(IDENTITY, mask or None))
    yield _processed(images, "masking", None, needs, reason, unlabelled)


def _processed(
    images: ImageSet, task: str, parameter: str | None, needs: tuple[Need, ...], lacking: str, unlabelled: str
) -> Measurement:
    reason = lacking or unlabelled
    return Measurement(
        task=task,
        dataset=images.name,
        parameter=parameter,
        needs=() if reason else needs,
        held_out=images.held_out,
        reason=reason,
        recorded=bool(unlabelled and not lacking),
    )


def _lacking(images: ImageSet, lacking: Sequence[str], parameter: str | None) -> str:
    if not images.splits:
        return "it has no training images"
    if not lacking:
        return ""
    wanted = f"--parameter {parameter}" if parameter else f"--variant {lacking[0].lower()}"
    return f"it lacks {', '.join(lacking)}: type `flickrexif process SOURCE {wanted}`"


def _of_acquisition(images: ImageSet | None, broken: str | None, folder: Path) -> Iterator[Measurement]:
    reason = broken or ("" if images else NO_IMAGES[FLICKREXIF])
    start, end = SPLIT_FILE.split("{}")
    splits = folder / "splits"
    attributes = sorted(path.name.removeprefix(start).removesuffix(end) for path in splits.glob(f"{start}*{end}"))
    probes: dict[str | None, str] = dict.fromkeys(attributes, reason)
    if not attributes:
        probes = {None: reason or f"there are no splits: {_type_splits(folder)}"}
    for attribute, why in probes.items():
        needs = tuple(images.needs(IDENTITY, MASK)) if images and not why else ()
        yield Measurement(
            task="probe", dataset=FLICKREXIF, attribute=attribute, mask=MASK, needs=needs, labels=splits, reason=why,
            broken=bool(broken),
        )  # fmt: skip
    labels = camera_labels(folder)
    why = reason or ("" if labels else "there are no labels: type `flickrexif build`")
    needs = tuple(images.needs(IDENTITY)) if images and not why else ()
    for task in BY_CAMERA:
        yield Measurement(task=task, dataset=FLICKREXIF, needs=needs, labels=labels, reason=why, broken=bool(broken))


def _type_splits(folder: Path) -> str:
    return f"type `flickrexif splits --protocol proportional --data-dir {folder.parent}`"


def camera_labels(folder: Path) -> Path | None:
    """Where smart or not is told: the split file of Is Smartphone where its test photos suffice, else the labels."""
    path, table = folder / "splits" / SPLIT_FILE.format("Is Smartphone"), folder / "labels"
    try:
        enough = path.is_file() and len(read_split(path)[1]["test"][0]) >= 10 * max(KS)
    except FlickrExifError:
        enough = False
    if enough:
        return path
    return table if any(table.glob("*.parquet")) else None


def _of_pairs(images: ImageSet | None, broken: str | None) -> Iterator[Measurement]:
    reason = broken or ("" if images else NO_IMAGES[PAIRCAMS])
    needs = tuple(images.needs(IDENTITY)) if images and not reason else ()
    yield Measurement(task="retrieval", dataset=PAIRCAMS, needs=needs, reason=reason, broken=bool(broken))
