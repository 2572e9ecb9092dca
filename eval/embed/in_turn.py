"""Embeds with many encoders, which are loaded when their turn comes."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from flickrexif.core.errors import FlickrExifError, MachineError, UsageError
from flickrexif.eval.data.embeddings import UNSAFE
from flickrexif.eval.data.source import Source
from flickrexif.eval.embed.run import EmbedReport, EmbedSettings, Progress, check, embed
from flickrexif.eval.embed.store import file_names
from flickrexif.eval.encoders.groups import by_memory
from flickrexif.eval.encoders.spec import Encoder, EncoderSpec


def embed_in_turn(
    settings: EmbedSettings,
    specs: Sequence[EncoderSpec],
    load: Callable[[EncoderSpec], Encoder],
    sources: Sequence[Source],
    progress: Progress,
    tell: Callable[[str], None],
) -> EmbedReport:
    """As `embed`; `load` is called for as many encoders at once as share a pass over the images.

    Raises as `embed`. One that cannot be loaded raises its error when the files of all others are made.
    """
    check(settings, specs, sources)
    names = Counter(" ".join(file_names(spec)).translate(UNSAFE) for spec in specs)
    if doubles := [name for name, count in names.items() if count > 1]:
        raise UsageError(f"Two encoders would share the files of {doubles[0]}.", "Give each its own --out.")
    reports: list[EmbedReport] = []
    errors: list[FlickrExifError] = []

    def embed_group(group: Sequence[EncoderSpec]) -> None:
        encoders = []
        for spec in group:
            try:
                encoders.append(load(spec))
            except MachineError:
                raise
            except FlickrExifError as error:
                errors.append(error)
                if len(specs) > 1:
                    tell(f"{spec.key} is left out: {error.message}")
        if encoders:
            shared = _share(progress, reports, len(encoders), len(specs))
            reports.append(embed(settings, encoders, sources, shared, tell))

    for group in by_memory(specs):
        embed_group(group)  # whose encoders leave memory before those of the next are loaded
    if errors:
        raise errors[0]
    batch_sizes = {key: size for report in reports for key, size in report.batch_sizes.items()}
    return EmbedReport(tuple(file for report in reports for file in report.files), batch_sizes)


def _share(progress: Progress, reports: Sequence[EmbedReport], encoders: int, of: int) -> Progress:
    """The progress of so many encoders as a part of all; `reports` are those of the encoders before them."""
    before = sum(len(report.batch_sizes) for report in reports)
    failed = sum((Counter(file.failures) for report in reports for file in report.files), Counter())

    def report(done: int, total: int, failures: Mapping[str, int]) -> None:
        each = total // encoders
        progress(before * each + done, of * each, failed + Counter(failures))

    return report
