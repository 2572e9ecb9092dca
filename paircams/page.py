"""The contact sheet: HTML pages that show every pair side by side with its findings, and need no other files."""

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flickrexif.core.files import put_text, remove
from flickrexif.core.kinds import SIMULATED_CAMERA
from flickrexif.core.pages import marks
from flickrexif.core.pictures import BadPicture, small_picture
from flickrexif.core.text import plain
from flickrexif.paircams.check import DETAIL_LENGTH, Report, notes, summary
from flickrexif.paircams.clocks import device_name
from flickrexif.paircams.records import PairImage, Problem, by_subject
from flickrexif.paircams.rules import shown
from flickrexif.paircams.scenes import fit_words

if TYPE_CHECKING:
    from jinja2 import Template

TEMPLATES = Path(__file__).with_name("templates")
FILE_NAME = "contact-sheet-{}.html"
SUBJECTS = 30  # a page
SIDE = 320  # longer side of a small image, pixels
QUALITY = 80


def write_pages(
    folder: Path,
    images: Sequence[PairImage],
    report: Report,
    register: Callable[[Path], object] = lambda _: None,
) -> list[Path]:
    """Write contact-sheet-1.html, -2.html, ... into `folder`, subjects with findings first; the files.

    `register` is called with each page before it is written. Pages of a former, longer sheet are removed. Raises
    FlickrExifError where the disk refuses.
    """
    sheet = template("contact_sheet.html")
    findings = by_subject(report.problems)
    subjects = by_subject(images)
    order = sorted(subjects, key=lambda subject: subject not in findings)  # stable, so otherwise the order of `images`
    batches = [order[start : start + SUBJECTS] for start in range(0, len(order), SUBJECTS)] or [[]]
    shared = {
        "report": report,
        "pages": len(batches),
        "simulated": any(image.tags.get("Software") == SIMULATED_CAMERA for image in images),
        "summary": summary(report),
        "notes": notes(report),
        "loose": [_finding(problem) for problem in report.problems if problem.subject not in subjects],
    }
    written = []
    for number, batch in enumerate(batches, start=1):
        cards = [_card(subject, subjects[subject], findings.get(subject, []), report) for subject in batch]
        path = folder / FILE_NAME.format(number)
        register(path)
        put_text(path, sheet.render(number=number, cards=cards, marks=_marks(images, batch, report), **shared))
        written.append(path)
    former = (path for path in folder.glob(FILE_NAME.format("*")) if path.stem.rpartition("-")[2].isdecimal())
    remove(sorted(set(former) - set(written)))
    return written


def _marks(images: Sequence[PairImage], batch: Sequence[str], report: Report) -> str:
    """The text by which a takedown recognises the photos of a page: subjects, files and what the findings name."""
    shots = (text for image in images if image.subject in batch for text in (image.subject, image.file_name))
    others = {problem.subject for problem in report.problems} - {image.subject for image in images}  # on every page
    problems = (problem for problem in report.problems if problem.subject in others.union(batch))
    problem_texts = (text for problem in problems for text in (problem.subject, problem.file, problem.detail))
    return marks("pairs check", (*shots, *problem_texts))


def template(name: str) -> "Template":
    """A page's template, which escapes what it shows."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(TEMPLATES)
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined).get_template(name)


def _card(subject: str, images: Sequence[PairImage], findings: Sequence[Problem], report: Report) -> dict[str, Any]:
    """What the template shows for a subject."""
    match = report.framing.get(subject)
    marked = {problem.file for problem in findings}
    return {
        "subject": shown(subject),
        "shots": [
            _shot(image, image.file_name in marked)
            for image in sorted(images, key=lambda image: image.side, reverse=True)
        ],
        "fit": fit_words(match) if match else "",
        "findings": [_finding(problem) for problem in findings],
    }


def _shot(image: PairImage, marked: bool) -> dict[str, Any]:
    jpeg, width, height = _small_jpeg(image)
    return {
        "side": image.side,
        "device": device_name(image),
        "taken": image.taken,
        "file": shown(image.file_name),
        "marked": marked,
        "jpeg": jpeg,
        "width": width,
        "height": height,
    }


def _finding(problem: Problem) -> Mapping[str, str]:
    return {
        "rule": problem.rule,
        "subject": shown(problem.subject),
        "place": shown(problem.file) if problem.file else "",
        "detail": plain(problem.detail, DETAIL_LENGTH),
    }


def _small_jpeg(image: PairImage) -> tuple[str, int, int]:
    """A small JPEG without metadata, as base64, its width and height; "" when the image cannot be read."""
    try:
        picture = small_picture(image.read(), SIDE)
    except OSError:
        return "", 0, 0
    if isinstance(picture, BadPicture):
        return "", 0, 0
    picture.info = {}  # Pillow would write a comment or an XMP packet it finds here
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=QUALITY)
    return base64.b64encode(file.getvalue()).decode(), picture.width, picture.height
