"""The files of a browser's page set: index.html, page-2.html, ... that need nothing else and load nothing."""

import base64
import hashlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from flickrexif.core.errors import UsageError
from flickrexif.core.files import put_text, remove
from flickrexif.core.pages import is_ours, marks

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).with_name("templates")
PROGRAM = "browse"
Register: TypeAlias = Callable[..., object]  # called with files before they are written


def write_pages(
    out: Path, register: Register, template: str, pages: Iterable[Mapping[str, Any]], count: int, **shared: Any
) -> Path:
    """Write `count` pages from a template, each with its values of `pages` and `shared`; returns the first page.

    `names` in a page's values names its photos. `register` gets the files before they are written. Pages that an
    earlier, longer run left are removed. Raises UsageError when `out` holds files of another program under these names,
    FlickrExifError when a file cannot be written.
    """
    former = _former(out)
    page = _environment().get_template(template)
    script = (TEMPLATES / "photos.js").read_text("utf-8")
    shared |= {"count": count, "script": script, "script_hash": _hash(script), "address": _address}
    written = [out / _address(number) for number in range(1, count + 1)]
    register(*written)
    for number, (path, shown) in enumerate(zip(written, pages, strict=True), start=1):
        put_text(path, page.render(number=number, marks=marks(PROGRAM, shown["names"]), **shown, **shared))
    remove(sorted(former - set(written)))
    return out / _address(1)


def _address(number: int) -> str:
    return "index.html" if number == 1 else f"page-{number}.html"


def _former(out: Path) -> set[Path]:
    """The pages of an earlier run in `out`. Raises UsageError when another program wrote one of them."""
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is no folder.", "Name another with --out.")
    numbered = (path for path in out.glob("page-*.html") if path.stem.removeprefix("page-").isdecimal())
    pages = {path for path in (out / "index.html", *numbered) if path.exists()}
    if others := sorted(path for path in pages if not is_ours(path, PROGRAM)):
        raise UsageError(f"{others[0]} was not written by this command.", "Name another folder with --out.")
    return pages


def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(TEMPLATES)
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def _hash(script: str) -> str:
    """The script's hash, by which a Content-Security-Policy lets it and no other run."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
