"""Lists the measurements of the suite for the data at hand: what each reads, or why it cannot be made."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.eval.data.catalog import FLICKREXIF, IDENTITY, NO_IMAGES, PAIRCAMS, ImageSet, Need, Unreadable
from flickrexif.eval.data.embeddings import UNSAFE
from flickrexif.eval.measure.inputs import attributes_with_split, read_split, split_path
from flickrexif.processing.variants import PARAMETERS

TASKS = ("probe", "knn", "similarity", "masking", "neighbors", "retrieval", "tsne", "strips", "mitigation")
ON_REQUEST = {"mitigation": "each takes as long as four probes and four kNN"}  # left out unless named, and why
BY_PARAMETER = ("probe", "knn", "similarity", "strips", "mitigation")
UNLABELLED = ("probe", "strips")  # tasks of BY_PARAMETER that need no class labels
BY_CAMERA = ("neighbors", "tsne", "strips")  # tasks over photos with the label smart or not
MASK = 0.9  # masked share of the image in acquisition probes
MASKS = (0.0, 0.25, 0.5, 0.75, 0.9, 0.95)  # ratios of the task masking
K = {"iNaturalist": 1}  # neighbours that vote; 10 for other data sets
KS = (10, 25, 50)  # values of k of the task neighbors
HEADLINES = {  # task -> the metrics of the summary
    "probe": ("accuracy",),
    "knn": ("all_same", "neg_same"),
    "similarity": ("same_class_same_metadata", "same_class_different_metadata"),
    "masking": ("0", "0.9"),
    "neighbors": ("10",),
    "retrieval": ("same", "different"),
    "tsne": ("same_label_in_plane",),
    "strips": ("same",),
    "mitigation": ("none.accuracy", "leace.accuracy", "none.all_same", "leace.all_same"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One measurement, whatever the encoder; `reason` says why it cannot be made, "" if it can."""

    task: str
    dataset: str
    parameter: str | None = None
    attribute: str | None = None
    mask: float | None = None
    needs: tuple[Need, ...] = ()
    held_out: bool = False
    labels: Path | None = (
        None  # for BY_CAMERA: a file or folder; for the probe of an attribute: the split files' folder
    )
    reason: str = ""
    broken: bool = False  # True where the reason is an error and not a lack of data
    recorded: bool = False  # True where a record keeps the reason: the images exist, but lack what the task needs

    @property
    def label(self) -> str:
        """The parameter or the attribute, if any."""
        return self.parameter or self.attribute or ""

    @property
    def file_name(self) -> str:
        """The name of the record in the encoder's folder: probe_FlickrExif_ISO-Speed_mask=0.9.json."""
        parts = [self.task, self.dataset, self.label, f"mask={self.mask:g}" if self.mask else ""]
        return "_".join(part.translate(UNSAFE).replace(" ", "-") for part in parts if part) + ".json"


def check_tasks(tasks: Sequence[str]) -> None:
    """Raises UsageError for an unknown task."""
    if unknown := [task for task in tasks if task not in TASKS]:
        raise UsageError(f"There is no task {unknown[0][:40]!r}.", f"Known: {', '.join(TASKS)}.")


def measurements(
    sets: Sequence[ImageSet], broken: Sequence[Unreadable], flickrexif: Path, tasks: Sequence[str]
) -> list[Measurement]:
    """All measurements of `tasks` (if empty, of TASKS but for ON_REQUEST), possible or not, in the order of TASKS.

    `flickrexif` is the folder with labels/ and splits/.
    """
    by_name = {image_set.name: image_set for image_set in sets}
    reasons = {image_set.name: image_set.reason for image_set in broken}
    candidates = [m for image_set in sets if image_set.processed for m in _of_processing(image_set)]
    candidates += _of_acquisition(by_name.get(FLICKREXIF), reasons.get(FLICKREXIF), flickrexif)
    candidates += _of_pairs(by_name.get(PAIRCAMS), reasons.get(PAIRCAMS))
    for name, reason in reasons.items():
        if name not in (FLICKREXIF, PAIRCAMS):
            candidates += [
                Measurement(task=t, dataset=name, reason=reason, broken=True) for t in (*BY_PARAMETER, "masking")
            ]
    chosen = tasks or [task for task in TASKS if task not in ON_REQUEST]
    return sorted((m for m in candidates if m.task in chosen), key=lambda m: TASKS.index(m.task))


# --- by data set


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
    option = f"--parameter {parameter}" if parameter else f"--variant {lacking[0].lower()}"
    return f"it lacks {', '.join(lacking)}: type `flickrexif process SOURCE {option}`"


def _of_acquisition(images: ImageSet | None, broken: str | None, folder: Path) -> Iterator[Measurement]:
    reason = broken or ("" if images else NO_IMAGES[FLICKREXIF])
    splits = folder / "splits"
    attributes = attributes_with_split(splits)
    probes: dict[str | None, str] = dict.fromkeys(attributes, reason)
    if not attributes:
        probes = {None: reason or f"there are no splits: {_type_splits(folder)}"}
    for attribute, lack in probes.items():
        needs = tuple(images.needs(IDENTITY, MASK)) if images and not lack else ()
        yield Measurement(
            task="probe", dataset=FLICKREXIF, attribute=attribute, mask=MASK, needs=needs, labels=splits, reason=lack,
            broken=bool(broken),
        )  # fmt: skip
    labels = camera_labels(folder)
    lack = reason or ("" if labels else "there are no labels: type `flickrexif build`")
    needs = tuple(images.needs(IDENTITY)) if images and not lack else ()
    for task in BY_CAMERA:
        yield Measurement(task=task, dataset=FLICKREXIF, needs=needs, labels=labels, reason=lack, broken=bool(broken))


def _type_splits(folder: Path) -> str:
    return f"type `flickrexif splits --protocol proportional --data-dir {folder.parent}`"


def camera_labels(folder: Path) -> Path | None:
    """The file or folder with the labels smart or not: the split file of Is Smartphone if it has enough test photos,
    else the folder `labels`; None where neither exists."""
    path, table = split_path(folder / "splits", "Is Smartphone"), folder / "labels"
    try:
        enough = path.is_file() and len(read_split(path).ids["test"]) >= 10 * max(KS)
    except FlickrExifError:
        enough = False
    if enough:
        return path
    return table if any(table.glob("*.parquet")) else None  # also one made of published rows


def _of_pairs(images: ImageSet | None, broken: str | None) -> Iterator[Measurement]:
    reason = broken or ("" if images else NO_IMAGES[PAIRCAMS])
    needs = tuple(images.needs(IDENTITY)) if images and not reason else ()
    yield Measurement(task="retrieval", dataset=PAIRCAMS, needs=needs, reason=reason, broken=bool(broken))
