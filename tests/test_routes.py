"""What Flickr tells of a photo and what its file tells give the same columns.

Flickr runs ExifTool over the file, so ExifTool's own output, a tagspace a group, stands for getExif's answer.
"""

import io
import json
import subprocess
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import piexif
import pytest
from PIL import Image

from flickrexif.collectors.folder import photos
from flickrexif.collectors.owners import RULES
from flickrexif.collectors.sandbox.photos import FolderPopulation
from flickrexif.dataset.build import TAG_COLUMNS
from flickrexif.exif import label
from flickrexif.exif.tags import raw_tags, unusable
from flickrexif.paircams.pairing import read_pairs
from tests.samples import CAMERA_PHOTOS

EXIF = piexif.dump({"0th": {piexif.ImageIFD.Make: b"Canon", piexif.ImageIFD.Model: b"Canon EOS 6D"}})
SPACES = {
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "exifEX": "http://cipa.jp/exif/1.0/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
}
CAMERA = {"tiff:Make": "NIKON CORPORATION", "tiff:Model": "NIKON D750", "exif:FNumber": "28/10"}


def columns(tags: Any) -> dict[str, Any]:
    """The columns that come from the tags of a photo."""
    raw = {column: tags.get(tag) for column, tag in TAG_COLUMNS.items()}
    return raw | asdict(label(tags)) | {"reason": unusable(tags)}


def by_flickr(paths: Iterable[Path]) -> dict[str, dict[str, Any]]:
    """File name -> its columns, by the way of a crawl."""
    command = ["exiftool", "-a", "-G1", "-json", "-charset", "filename=utf8", *map(str, paths)]
    text = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    answers = {}
    for record in json.loads(text, parse_int=str, parse_float=str):
        named = ((*key.partition(":")[::2], value) for key, value in record.items() if ":" in key)
        entries = [
            {"tagspace": space, "tagspaceid": 0, "tag": tag, "label": tag, "raw": {"_content": value}}
            for space, tag, value in named
        ]
        answers[Path(record["SourceFile"]).name] = columns(raw_tags(entries)[0])
    return answers


def by_file(folder: Path) -> dict[str, dict[str, Any]]:
    """File name -> its columns, by the way of `flickrexif label`."""
    return {photo.path: columns(photo.tags) | {"reason": photo.reason} for photo in photos(folder, RULES["top"])}


def assert_agree(folder: Path) -> dict[str, dict[str, Any]]:
    """That both ways give the same for every file in the folder; what they give."""
    told, read = by_flickr(sorted(folder.glob("*.jpg"))), by_file(folder)
    assert told.keys() == read.keys()
    differences = [
        (name, column, value, read[name][column])
        for name, row in told.items()
        for column, value in row.items()
        if value != read[name][column]
    ]
    assert differences == []
    return read


@pytest.mark.parametrize("folder", CAMERA_PHOTOS)
def test_real_photos(folder: Path) -> None:
    assert len(assert_agree(folder)) in (11, 88)


MODELS = ("DC210 Zoom (V05.00)", "HP PhotoSmart C812 (V09.33)", "Leaf Aptus 75(LI300123   )/Hasselblad H2")


def test_models_and_dates_are_the_same_by_every_route(tmp_path: Path) -> None:
    """Of a crawl, a folder, the embedded server and pairs; what firmware appends is taken out of `model` alone."""
    folder = tmp_path / "pair"
    folder.mkdir()
    for number, model in enumerate(MODELS):
        tags = {piexif.ImageIFD.Make: b"Maker", piexif.ImageIFD.Model: model.encode()}
        settings = {piexif.ExifIFD.FNumber: (28, 10), piexif.ExifIFD.DateTimeOriginal: b"2015:08:22 24:08:19"}
        exif = piexif.dump({"0th": tags, "Exif": settings})
        Image.new("RGB", (16, 16), (40 * number, 0, 0)).save(folder / f"{number}.jpg", exif=exif)
    read = assert_agree(folder)
    assert [read[f"{number}.jpg"]["Model"] for number in range(3)] == list(MODELS)
    assert [read[f"{number}.jpg"]["model_raw"] for number in range(3)] == list(MODELS)
    assert [read[f"{number}.jpg"]["model"] for number in range(3)] == [
        "DC210 Zoom", "HP PhotoSmart C812", "Leaf Aptus 75/Hasselblad H2"
    ]  # fmt: skip
    population = FolderPopulation(folder)
    taken = datetime(2015, 8, 22, 0, 8, 19)
    served = population.taken_between(taken, taken)
    assert {raw_tags(population.exif(photo))[0]["Model"] for photo in served} == set(MODELS)
    (tmp_path / "pairs.csv").write_text("subject,file,side\n1,pair/0.jpg,phone\n1,pair/1.jpg,camera\n")
    images, _ = read_pairs(tmp_path / "pairs.csv")
    assert [(image.model, image.taken) for image in images] == [(model, taken) for model in MODELS[:2]]


def packet(properties: dict[str, str], form: str = "attributes", prefixes: dict[str, str] | None = None) -> bytes:
    """An XMP packet in one of the forms that editors write; `prefixes`: other names of the namespaces."""
    names = {space: (prefixes or {}).get(space, space) for space in SPACES}
    spaces = " ".join(f'xmlns:{names[space]}="{uri}"' for space, uri in SPACES.items())
    pairs = [(":".join((names[key.partition(":")[0]], key.partition(":")[2])), v) for key, v in properties.items()]
    attributes = " ".join(f'{name}="{value}"' for name, value in pairs) if form == "attributes" else ""
    item = "{0}" if form != "lists" else '<rdf:Seq>\n <rdf:li xml:lang="x-default">{0}</rdf:li>\n</rdf:Seq>'
    elements = "".join(f"<{n}>{item.format(v)}</{n}>" for n, v in pairs) if form != "attributes" else ""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" {spaces} {attributes}>{elements}</rdf:Description></rdf:RDF></x:xmpmeta>'
        f"{' ' * 2_000}<?xpacket end='w'?>"
    ).encode()


FLASH = b'><exif:Flash rdf:parseType="Resource"><exif:Fired>True</exif:Fired><exif:Mode>1</exif:Mode></exif:Flash>'
SETTINGS = {
    "ExposureTime": ("1/125", "10/1250", "3/10", "25/10", "30/1", "1/0", "0/0", "0/1"),
    "FNumber": ("28/10", "95/100", "56/10", "0/1", "0/0"),
    "FocalLength": ("50/1", "399/100", "0/0", "1/0"),
    "FocalLengthIn35mmFilm": ("75", "0"),
    "ISOSpeedRatings": ("400", "65535", "0"),
    "ExposureProgram": ("0", "1", "2", "8", "77"),
    "ExposureMode": ("0", "1", "2", "9"),
    "WhiteBalance": ("0", "1", "5"),
    "FileSource": ("1", "3"),
    "DateTimeOriginal": (
        "2021-07-04T10:11:12+02:00", "2021-07-04T10:11:12", "2021-07-04T10:11", "2021-07-04", "2021", "no date",
    ),
}  # fmt: skip
PACKETS = {
    "plain": packet(CAMERA),
    "elements": packet(CAMERA, "elements"),
    "lists": packet({"exif:ISOSpeedRatings": "400", "exif:FNumber": "28/10"}, "lists"),
    "other prefixes": packet(CAMERA, "attributes", {"tiff": "tiff_1_", "exif": "ns2"}),
    "editor": packet(CAMERA | {"xmp:CreatorTool": "Adobe Photoshop Lightroom 5.0"}),
    "editor alone": packet({"xmp:CreatorTool": "Adobe Photoshop Lightroom 5.0"}),
    "software and editor": packet(CAMERA | {"tiff:Software": "Ver.1.00", "xmp:CreatorTool": "Picasa"}),
    "prefix of old": packet(CAMERA | {"xmp:CreatorTool": "Picasa"}, "elements", {"xmp": "xap"}),
    "newer ISO": packet(CAMERA | {"exifEX:PhotographicSensitivity": "400", "exifEX:LensModel": "50.0 mm f/1.8"}),
    "both ISOs": packet(CAMERA | {"exifEX:PhotographicSensitivity": "400", "exif:ISOSpeedRatings": "100"}),
    "firmware in the model": packet(CAMERA | {"tiff:Model": "HP PhotoSmart C812 (V09.33)"}),
    "escaped": packet(CAMERA | {"tiff:Make": "Smith &amp; Sons &#x00e9;"}),
    "flash": packet(CAMERA).replace(b"></rdf:Description>", FLASH + b"</rdf:Description>"),
    "nothing": packet({}),
    "broken": b"<x:xmpmeta",
    **{
        f"{name} {number}": packet(CAMERA | {f"exif:{name}": value}, "elements")
        for name, values in SETTINGS.items()
        for number, value in enumerate(values)
    },
}


@pytest.mark.parametrize("exif", [b"", EXIF], ids=["XMP alone", "Exif and XMP"])
def test_xmp(tmp_path: Path, exif: bytes) -> None:
    for name, xmp in PACKETS.items():
        file = io.BytesIO()
        Image.new("RGB", (16, 16), "teal").save(file, "JPEG", xmp=xmp, **({"exif": exif} if exif else {}))
        (tmp_path / f"{name}.jpg").write_bytes(file.getvalue())
    read = assert_agree(tmp_path)
    assert read["newer ISO.jpg"]["iso"] == 400
    assert read["newer ISO.jpg"]["lens_model_raw"] == "50.0 mm f/1.8"
    assert read["both ISOs.jpg"]["iso"] == 100
    assert read["editor.jpg"]["edited"] is read["prefix of old.jpg"]["edited"] is True
    assert read["software and editor.jpg"]["edited"] is False
    if not exif:
        assert read["firmware in the model.jpg"]["Model"] == "HP PhotoSmart C812 (V09.33)"
        assert read["firmware in the model.jpg"]["model"] == "HP PhotoSmart C812"
        assert read["editor alone.jpg"]["reason"] == "no_make_or_model"


def test_a_picture_within_the_picture_does_not_count(tmp_path: Path) -> None:
    """Photoshop keeps the packets of placed pictures within that of the whole."""
    spaces = " ".join(f'xmlns:{space}="{uri}"' for space, uri in SPACES.items())
    inner = f'<rdf:Description {spaces} tiff:Make="Canon" tiff:Model="Canon EOS 6D" exif:FNumber="4/1"/>'
    pantry = (
        f'<p:Pantry xmlns:p="http://ns.adobe.com/xap/1.0/mm/"><rdf:Bag><rdf:li>{inner}</rdf:li></rdf:Bag></p:Pantry>'
    )
    for number, outer in enumerate((CAMERA, {})):
        xmp = packet(outer, "elements").replace(b"<tiff:Make>", pantry.encode() + b"<tiff:Make>")
        xmp = (
            xmp if outer else packet({}).replace(b"></rdf:Description>", b">" + pantry.encode() + b"</rdf:Description>")
        )
        Image.new("RGB", (16, 16)).save(tmp_path / f"{number}.jpg", xmp=xmp)
    read = assert_agree(tmp_path)
    assert [read[f"{number}.jpg"]["Model"] for number in range(2)] == ["NIKON D750", None]
