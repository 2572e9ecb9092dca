"""What a run of embedding has made, and why it could not make the rest."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from flickrexif.eval.data.embeddings import EmbeddingKey
from flickrexif.eval.encoders.faults import Fault
from flickrexif.processing.estimate import Estimate, sentence


@dataclass(frozen=True, slots=True)
class EmbeddedFile:
    """A finished file."""

    path: Path
    rows: int
    failures: Mapping[str, int]  # reason -> images without a row
    existed: bool  # True where it was finished before this run


@dataclass(frozen=True, slots=True)
class EmbedReport:
    """The files of a run; each image of a source is a row of its file or counted in its `failures`."""

    files: tuple[EmbeddedFile, ...]
    batch_sizes: Mapping[str, int]  # encoder that was loaded -> batch size that memory allowed
    faults: Mapping[EmbeddingKey, Fault]  # of the files that could not be made
    estimate: Estimate | None = None  # of a dry run, which has no files

    @property
    def failed(self) -> int:
        """The number of embeddings that could not be made."""
        return sum(sum(file.failures.values()) for file in self.files)


def summary(report: EmbedReport) -> str:
    """A line a file: its path, images and failures."""
    if report.estimate:
        return sentence(report.estimate, "embeddings")
    lines = []
    for file in report.files:
        counts = ", ".join(f"{count:,} {reason}" for reason, count in file.failures.items())
        failed = f"; left out: {counts}" if counts else ""
        lines.append(f"{file.path}: {file.rows:,} images{' (was there)' if file.existed else ''}{failed}")
    return "\n".join(lines)


def left_out(report: EmbedReport, root: Path) -> list[str]:
    """A line a fault: the files below `root` that could not be made for it, and why."""
    keys: dict[Fault, list[EmbeddingKey]] = {}
    for key, fault in report.faults.items():
        keys.setdefault(fault, []).append(key)
    return [
        f"{len(of_fault):,} files, such as {of_fault[0].path(root)}, are left out: {fault.error or fault.reason}"
        if len(of_fault) > 1
        else f"{of_fault[0].path(root)} is left out: {fault.error or fault.reason}"
        for fault, of_fault in keys.items()
    ]
