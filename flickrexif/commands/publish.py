"""`card`, `browse` and `publish`: a data set described, looked at and given to others."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from flickrexif.cards import check_card, write_card
from flickrexif.cards import publish as publishing
from flickrexif.cards.browse import PHOTOS, Browsed
from flickrexif.cards.browse import browse as write_pages
from flickrexif.cards.publish import PublishPlan, PublishReport, PublishSettings
from flickrexif.collectors.flickr.credentials import SANDBOX, from_environment
from flickrexif.collectors.flickr.models import FLICKR_ENDPOINT
from flickrexif.commands.places import Place, data_folder, path_of
from flickrexif.core.errors import UsageError
from flickrexif.core.files import Outcome
from flickrexif.core.folder import DataFolder
from flickrexif.kinds import kind_of


@dataclass(frozen=True, slots=True, kw_only=True)
class CardReport:
    """What became of each describing file; of a check, the names of those that do not match the data."""

    files: tuple[tuple[Outcome, Path], ...] = ()
    differing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What was to be sent, and what came of it; None of a dry run."""

    plan: PublishPlan
    report: PublishReport | None = None


def card(folder: Place, *, check: bool = False) -> CardReport:
    """Describe the data set in `folder`: its card (README.md), figures, Croissant record and attributions.

    With `check` nothing is written. Raises UsageError when `folder` holds no data set or another command writes,
    FlickrExifError for data that cannot be read.
    """
    root = path_of(folder)
    if check:
        return CardReport(differing=tuple(check_card(root)))
    check_folder(root)
    with DataFolder.of(root).writing("card", root):
        return CardReport(files=tuple(write_card(root)))


def browse(folder: Place, *, out: Place | None = None, photos: int = PHOTOS, seed: int = 0) -> Browsed:
    """Write pages to look at a sample of `photos` images of the data set in `folder`; of processed ones at most 6.

    `out` is the folder of the pages; None: `browse/NAME` beside the data set. Raises UsageError when `folder` holds no
    data set, `out` other pages, or another command writes.
    """
    root = path_of(folder)
    if not 1 <= photos <= 1_000:
        raise UsageError(f"{photos:,} images cannot be shown.", "Give --photos from 1 to 1000.")
    check_folder(root)
    home = DataFolder.of(root)
    home = home if os.access(home.path, os.W_OK) else data_folder(None)
    with home.reading("browse", root):
        return write_pages(root, path_of(out) if out else None, photos=photos, seed=seed, register=home.register)


def publish(
    folder: Place,
    *,
    repo: str,
    private: bool = False,
    dry_run: bool = False,
    message: str | None = None,
    revision: str = "main",
    tag: str | None = None,
    purge: bool = False,
    planned: Callable[[PublishPlan], object] = lambda _: None,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Published:
    """Publish the data set in `folder` as `repo` (user/name) on the Hub: send what changed, remove what is gone here.

    With `purge` it is removed from all earlier revisions too, see docs/publishing.md.
    Nobody writes to the data set meanwhile. `planned` gets what will be done before anything is sent; with `dry_run`
    nothing is. `progress(done, total)` counts bytes. The token comes from HF_TOKEN or `hf auth login`. Raises
    UsageError for names that cannot be, a card that does not match, or no token; FlickrExifError when the Hub refuses.
    """
    from huggingface_hub import HfApi, get_token
    from huggingface_hub.utils import disable_progress_bars  # type: ignore[attr-defined]

    root, token = path_of(folder), get_token()
    if token is None and not dry_run:
        raise UsageError("There is no token of the Hugging Face Hub.", "Type `hf auth login`, or set HF_TOKEN.")
    check_folder(root)
    disable_progress_bars()
    api = HfApi()
    settings = PublishSettings(repo=repo, revision=revision, private=private, message=message, tag=tag, purge=purge)
    secrets = [*publishing.known_secrets(os.environ, token), *_flickr_key()]
    with DataFolder.of(root).reading("publish", root):
        plan = publishing.plan(root, settings, api, secrets)
        planned(plan)
        return Published(plan=plan, report=None if dry_run else publishing.publish(plan, api, progress))


def check_folder(root: Path) -> None:
    """UsageError when there is no such folder, or no data set in it."""
    if not root.is_dir():
        raise UsageError(f"There is no folder {root}.", "Name the folder of a data set, such as data/flickrexif.")
    kind_of(root)


def _flickr_key() -> Iterator[str]:
    """Key and secret of the API, which may come from a file."""
    with suppress(UsageError):  # there is none
        credentials = from_environment(os.environ, FLICKR_ENDPOINT)
        yield from (value for value in (credentials.key, credentials.secret) if value and credentials != SANDBOX)
