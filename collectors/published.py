"""A table of addresses as a source: its photos are kept in a journal, and their images fetched.

A table has no months and no searches: the journal holds its photos under MONTH, and no call but those that ask Flickr
about images which its servers keep back. Other addresses than those of Flickr's image servers are not opened, as a
stranger's table could name any; for trying things, those of one server on this machine are.
"""

import os
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from flickrexif.collectors import downloads
from flickrexif.collectors.crawl import check_source, stopping_pool
from flickrexif.collectors.downloads import Downloads
from flickrexif.collectors.flickr.client import CallRefused
from flickrexif.collectors.flickr.credentials import SANDBOX, Credentials, from_environment
from flickrexif.collectors.flickr.licenses import license_for
from flickrexif.collectors.flickr.models import FLICKR_ENDPOINT, SITE, Image, SearchPhoto, is_flickrs, server_of
from flickrexif.collectors.flickr.transport import is_loopback
from flickrexif.collectors.images import GetInfo
from flickrexif.collectors.journal import ImageRecord, Journal
from flickrexif.collectors.owners import UNKNOWN
from flickrexif.collectors.session import (
    CALLS_PER_HOUR,
    Say,
    Service,
    check_image_server,
    clients,
    identified,
    image_fetcher,
)
from flickrexif.core.errors import UsageError
from flickrexif.core.photos import RawPhoto

MONTH = "published"
AT_ONCE = 4_000  # images queued
LETTERS = {"": "m", "b": "l"}  # suffix of a file's name on Flickr's servers -> letter of the size, where they differ
SUFFIX = re.compile(r"_([a-z])\.\w+$")
KEYS = ("FLICKR_API_KEY", "FLICKR_API_SECRET", "FLICKR_CREDENTIALS")
OWNERS = 3  # photographers of one and the same picture, from which on it stands for pictures that are not there
PLACEHOLDER = "placeholder"
NOT_YET = "not_yet"
REASONS = {  # why a photo has no image, beside collectors.images.REASONS
    PLACEHOLDER: f"the same picture came for photos of {OWNERS} photographers or more: it stands for what is not there",
    NOT_YET: "throttled, or a broken connection: the same command asks again",
}


def photo_at(photo_id: int, address: str, owner: str | None) -> SearchPhoto:
    """What a table tells of a photo, as a search would."""
    suffix = SUFFIX.search(address)
    letter = suffix[1] if suffix else ""
    return SearchPhoto(
        id=photo_id,
        owner=owner or UNKNOWN,
        secret="",
        owner_name=None,
        path_alias=None,
        title=None,
        media="photo",
        license_id=None,
        date_taken=None,
        date_taken_granularity=None,
        date_taken_unknown=True,
        date_upload=None,
        image=Image(LETTERS.get(letter, letter), address, None, None),
        original=None,
    )


def has_key(environment: Mapping[str, str]) -> bool:
    """Whether the environment names a key of Flickr's API."""
    return any(environment.get(name) for name in KEYS)


def service_at(addresses: Iterable[str]) -> Service:
    """The service whose images these are: Flickr, or one server on this machine; without a key where there is none.

    Raises UsageError where no address is Flickr's and they are not all of one server here.
    """
    servers = {server_of(address) for address in addresses}
    own = {server for server in servers if is_loopback(server)}
    if any(map(is_flickrs, servers)):
        credentials = from_environment(os.environ, FLICKR_ENDPOINT) if has_key(os.environ) else Credentials("")
        return Service(credentials=credentials, calls_per_hour=CALLS_PER_HOUR)
    if len(own) != 1:
        hint = "Give a table whose column `url` holds addresses at live.staticflickr.com."
        raise UsageError("The addresses are none of Flickr's image servers.", hint)
    endpoint = f"{own.pop()}/services/rest/"
    return Service(endpoint=endpoint, credentials=SANDBOX, calls_per_hour=None)


def fetch_images(
    journal: Journal,
    photos: Iterable[tuple[SearchPhoto, Mapping[str, str]]],
    settings: str,
    service: Service,
    stop: threading.Event,
    progress: Callable[[int, int], None],
    say: Say,
) -> None:
    """Make `photos` those that the journal keeps, and fetch the images that earlier runs did not.

    Raises FlickrExifError when the image server keeps failing, or Flickr refuses the key. What came is journaled.
    """
    check_image_server(service, "fetch")
    client = clients(service, journal, stop, lambda: None, say)(MONTH) if service.credentials.key else None
    source = identified(client, service, say) if client and service.own else "flickr"
    check_source(journal.path.parents[1], journal.settle("source", source), source)
    journal.keep(MONTH, photos, settings)
    fetcher = image_fetcher(journal, "large", service, stop, say)
    with stopping_pool(downloads.WORKERS, stop) as pool:
        get_info: GetInfo = client.get_info if client else _no_key
        running = Downloads(MONTH, journal, fetcher, pool, get_info, lambda done, _: progress(done, len(missing)))
        missing = running.missing()
        for start in range(0, len(missing), AT_ONCE):
            for photo_id in missing[start : start + AT_ONCE]:
                running.submit(photo_id)
            running.finish()


def image_records(journal: Journal) -> dict[int, ImageRecord]:
    """What became of the image of each photo that is kept; a placeholder is none, and NOT_YET is to be asked again."""
    records = {record.photo_id: record for record in journal.images(MONTH)}
    owners: dict[str, set[str]] = defaultdict(set)
    kept = {photo.id: records.get(photo.id, ImageRecord(photo.id, NOT_YET)) for photo, _ in journal.kept(MONTH)}
    for photo, _ in journal.kept(MONTH):
        owners[kept[photo.id].sha256 or ""].add(photo.owner)
    same = {sha256 for sha256, some in owners.items() if sha256 and len(some) >= OWNERS}
    return {
        number: ImageRecord(number, PLACEHOLDER) if record.sha256 in same else record for number, record in kept.items()
    }


def published_photo(photo: SearchPhoto, tags: Mapping[str, str], record: ImageRecord) -> RawPhoto:
    """A photo as the data set holds it; what neither the table nor Flickr told is None."""
    assert photo.image is not None
    license_ = None if photo.license_id is None else license_for(photo.license_id)
    unknown = photo.owner == UNKNOWN
    return RawPhoto(
        flickr_id=photo.id,
        owner=photo.owner,
        owner_name=photo.owner_name,
        title=photo.title,
        page_url=f"{SITE}/photo.gne?id={photo.id}" if unknown else photo.page_url,
        license_id=photo.license_id,
        license=license_.name if license_ else None,
        license_url=license_.url if license_ else None,
        date_taken=None,
        date_taken_granularity=None,
        month=None,
        width=record.width,
        height=record.height,
        image_url=photo.image.url,
        image_size=photo.image.size,
        exif=tags,
    )


def _no_key(photo_id: int) -> Mapping[str, Any]:
    """Nobody can be asked, so that a photo which is kept back stays to be asked for again."""
    raise CallRefused(0, f"There is no key to ask for photo {photo_id} with.")
