"""Photos as a crawl keeps them, before they are built."""

from flickrexif.core.photos import RawPhoto
from flickrexif.dataset.build import Collection

SIMULATED = Collection(source="sandbox:simulated", settings={"seed": 0}, dates=("2026-01-01", "2026-01-02"))
EXIF = {"Make": "Canon", "Model": "Canon EOS 5D", "ExposureTime": "1/250", "FNumber": "4.0", "ISO": "100"}


def photo(flickr_id: int, month: str = "2024-08", **fields: object) -> RawPhoto:
    facts = {
        "flickr_id": flickr_id,
        "owner": "7478087@N06",
        "owner_name": "Jo",
        "title": f"Photo {flickr_id}",
        "page_url": f"https://www.flickr.com/photos/jo/{flickr_id}/",
        "license_id": 4,
        "license": "CC BY 2.0",
        "license_url": "https://creativecommons.org/licenses/by/2.0/",
        "date_taken": f"{month}-03 12:34:56",
        "date_taken_granularity": 0,
        "month": month,
        "width": 1024,
        "height": 683,
        "image_url": f"https://live.staticflickr.com/1/{flickr_id}_a_b.jpg",
        "image_size": "l",
        "exif": EXIF,
    }
    return RawPhoto(**(facts | fields))  # type: ignore[arg-type]
