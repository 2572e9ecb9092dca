"""Files of metadata as those of YFCC100M, with made-up photos."""

import bz2
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import md5
from pathlib import Path
from urllib.parse import quote_plus

LICENSE = "http://creativecommons.org/licenses/{}/2.0/"
NAMES = {"by": "Attribution License", "by-sa": "Attribution-ShareAlike License"}


@dataclass(frozen=True, kw_only=True)
class Photo:
    """A line of each file."""

    id: int
    owner: str = "10000001@N00"
    taken: str = "2010-05-03 12:00:00.0"
    uploaded: str = "1275000000"  # 27 May 2010
    title: str = "A title"
    license: str = "by"
    marker: str = "0"
    make: str | None = "Canon"  # None: no Exif
    exposure: str = "1/60 sec"  # "": no setting

    def data_line(self, line: int) -> str:
        """Its line of the data set."""
        secret, page = f"{self.id:x}", f"http://www.flickr.com/photos/{self.owner}/{self.id}/"
        address = f"http://farm8.staticflickr.com/4000/{self.id}_{secret}.jpg"
        fields = [
            *(line, self.id, md5(str(self.id).encode()).hexdigest(), self.owner, "a+nick", self.taken, self.uploaded),
            *("Canon", quote_plus(self.title), "some%2C+words", "a,b", "", "", "", "", page, address),
            *(
                NAMES.get(self.license, "Other"),
                LICENSE.format(self.license),
                4000,
                8,
                secret,
                "abc",
                "jpg",
                self.marker,
            ),
        ]
        return "\t".join(map(str, fields))

    def exif_line(self) -> str:
        """Its line of the Exif, whose model is its identifier."""
        items = {
            "Exif IFD0.Make": self.make,
            "Exif IFD0.Model": f"Model {self.id}",
            "Exif IFD0.X Resolution": "72 dots per inch",
            "Exif SubIFD.Exposure Time": self.exposure,
            "Exif SubIFD.F-Number": self.exposure and "F2.8",
            "Exif SubIFD.Flash": "Flash fired, auto",
            "Exif SubIFD.Body Serial Number": "123",
            "Exif Thumbnail.Make": "Thumb",
        }
        some = [f"{quote_plus(name)}:{quote_plus(text)}" for name, text in items.items() if text and self.make]
        return f"{self.id}\t{','.join(some)}"


def write(folder: Path, photos: Iterable[Photo]) -> Path:
    """Both files of some photos, in a folder."""
    photos = list(photos)
    return write_lines(
        folder, [photo.data_line(line) for line, photo in enumerate(photos)], [photo.exif_line() for photo in photos]
    )


def write_lines(folder: Path, dataset: Iterable[str], exif: Iterable[str]) -> Path:
    """Both files, of these lines."""
    folder.mkdir(exist_ok=True)
    for name, lines in (("dataset", dataset), ("exif", exif)):
        (folder / f"yfcc100m_{name}.bz2").write_bytes(bz2.compress("".join(f"{line}\n" for line in lines).encode()))
    return folder
