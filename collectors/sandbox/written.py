"""The Exif tags that a simulated camera writes, and the form in which flickr.photos.getExif gives them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from random import Random
from typing import Any, Literal, NamedTuple

from flickrexif.collectors.sandbox.cameras import SCANNERS, Device, Rational, Settings, broken, expose, scene_light
from flickrexif.collectors.sandbox.population import SandboxPhoto

FLASH = {  # ExifTool's words
    0x00: "No Flash",
    0x01: "Fired",
    0x07: "Fired, Return detected",
    0x09: "On, Fired",
    0x0F: "On, Return detected",
    0x10: "Off, Did not fire",
    0x18: "Auto, Did not fire",
    0x19: "Auto, Fired",
    0x20: "No flash function",
    0x41: "Fired, Red-eye reduction",
    0x59: "Auto, Fired, Red-eye reduction",
    0x5F: "Auto, Fired, Red-eye reduction, Return detected",
}
PROGRAMS = ("Not Defined", "Manual", "Program AE", "Aperture-priority AE", "Shutter speed priority AE")
AUTO_OR_MANUAL = ("Auto", "Manual")
EDITORS = (
    "Adobe Photoshop Lightroom 6.0 (Windows)",
    "Adobe Photoshop CS6 (Macintosh)",
    "Snapseed 2.0",
    "GIMP 2.8.22",
    "Picasa",
)

Kind = Literal["usual", "edited", "conflict", "numeric", "odd", "stripped"]
KINDS: tuple[Kind, ...] = ("usual", "edited", "conflict", "numeric", "odd", "stripped")
KIND_SHARES = (76, 13, 2, 1, 2, 6)


class Tag(NamedTuple):
    """One tag, as Flickr prints it and as the file stores it (`code` None: the file does not store it)."""

    space: str
    name: str
    label: str
    raw: str
    code: int | None = None
    value: Any = None


def camera_tags(device: Device, taken: datetime, software: str, size: tuple[int, int]) -> list[Tag]:
    """The tags that name the device and the file, for a camera or a scanner. `size` is the file's, in pixels."""
    when, version = f"{taken:%Y:%m:%d %H:%M:%S}", "0210" if device.year < 2003 else "0221"
    source = {"film_scanner": ("Film Scanner", 1), "flatbed_scanner": ("Reflection Print Scanner", 2)}
    file_source, file_code = source.get(device.category, ("Digital Camera", 3))
    dpi = 300 if device.category in SCANNERS or device.category == "dslr" else 72
    return [
        Tag("IFD0", "Make", "Make", device.make, 271, device.make),
        Tag("IFD0", "Model", "Model", device.model, 272, device.model),
        Tag("IFD0", "Orientation", "Orientation", "Horizontal (normal)", 274, 1),
        Tag("IFD0", "XResolution", "X-Resolution", str(dpi), 282, (dpi, 1)),
        Tag("IFD0", "YResolution", "Y-Resolution", str(dpi), 283, (dpi, 1)),
        Tag("IFD0", "ResolutionUnit", "Resolution Unit", "inches", 296, 2),
        Tag("IFD0", "Software", "Software", software, 305, software),
        Tag("IFD0", "ModifyDate", "Date and Time (Modified)", when, 306, when),
        Tag("IFD0", "YCbCrPositioning", "YCbCr Positioning", "Co-sited", 531, 2),
        Tag("ExifIFD", "ExifVersion", "Exif Version", version, 36864, version.encode()),
        Tag("ExifIFD", "DateTimeOriginal", "Date and Time (Original)", when, 36867, when),
        Tag("ExifIFD", "CreateDate", "Date and Time (Digitized)", when, 36868, when),
        Tag("ExifIFD", "FlashpixVersion", "Flashpix Version", "0100", 40960, b"0100"),
        Tag("ExifIFD", "ColorSpace", "Color Space", "sRGB", 40961, 1),
        Tag("ExifIFD", "ExifImageWidth", "Exif Image Width", str(size[0]), 40962, size[0]),
        Tag("ExifIFD", "ExifImageHeight", "Exif Image Height", str(size[1]), 40963, size[1]),
        Tag("ExifIFD", "FileSource", "File Source", file_source, 41728, bytes([file_code])),
        Tag("InteropIFD", "InteropIndex", "Interop Index", "R98 - DCF basic file (sRGB)"),
    ]


def setting_tags(device: Device, settings: Settings) -> list[Tag]:
    """The tags of the camera's settings, as ExifTool prints them."""
    s, bright = settings, device.lenses[0].f_short
    f_number, focal = _printed(s.f_number, "{:.1f}"), _printed(s.focal, "{:.1f} mm")
    tags = [
        Tag("ExifIFD", "ExposureTime", "Exposure", printed_exposure(s.exposure), 33434, s.exposure),
        Tag("ExifIFD", "FNumber", "Aperture", f_number, 33437, s.f_number),
        Tag("ExifIFD", "ExposureProgram", "Exposure Program", PROGRAMS[s.program], 34850, s.program),
        Tag("ExifIFD", "ISO", "ISO Speed", str(s.iso), 34855, s.iso),
        Tag("ExifIFD", "ComponentsConfiguration", "Components Configuration", "Y, Cb, Cr, -", 37121, b"\1\2\3\0"),
        Tag("ExifIFD", "ExposureCompensation", "Exposure Bias", "0", 37380, (0, 1)),
        Tag("ExifIFD", "MeteringMode", "Metering Mode", "Multi-segment", 37383, 5),
        Tag("ExifIFD", "Flash", "Flash", FLASH[s.flash], 37385, s.flash),
        Tag("ExifIFD", "FocalLength", "Focal Length", focal, 37386, s.focal),
        Tag("ExifIFD", "SensingMethod", "Sensing Method", "One-chip color area", 41495, 2),
        Tag("ExifIFD", "SceneType", "Scene Type", "Directly photographed", 41729, b"\1"),
        Tag("ExifIFD", "CustomRendered", "Custom Rendered", "Normal", 41985, 0),
        Tag("ExifIFD", "ExposureMode", "Exposure Mode", AUTO_OR_MANUAL[s.mode], 41986, s.mode),
        Tag("ExifIFD", "WhiteBalance", "White Balance", AUTO_OR_MANUAL[s.white_balance], 41987, s.white_balance),
        Tag("ExifIFD", "SceneCaptureType", "Scene Capture Type", "Standard", 41990, 0),
    ]
    if device.year > 2002:
        in_35mm = str(s.focal_35mm)
        tags.append(
            Tag(
                "ExifIFD", "FocalLengthIn35mmFormat", "Focal Length (35mm format)", f"{in_35mm} mm", 41989, s.focal_35mm
            )
        )
    if device.year > 2011:
        lens = f"{device.model} {focal.replace(' ', '')} f/{bright:g}"
        tags.append(Tag("ExifIFD", "LensModel", "Lens Model", lens, 42036, lens))
    return tags


def exif_bytes(tags: Iterable[Tag]) -> bytes:
    """The Exif block of a JPEG file that holds `tags`."""
    import piexif

    spaces: dict[str, dict[int, Any]] = {"IFD0": {}, "ExifIFD": {}}
    for tag in tags:
        if tag.code is not None:
            spaces[tag.space][tag.code] = tag.value
    return bytes(piexif.dump({"0th": spaces["IFD0"], "Exif": spaces["ExifIFD"]}))


class Taking(NamedTuple):
    """How a photo came to be."""

    device: Device
    settings: Settings | None  # None: scanned
    kind: Kind
    tags: list[Tag]


def _printed(value: Rational, form: str) -> str:
    if value[1] == 0:
        return form.replace("{:.1f}", "inf" if value[0] else "undef")
    return form.format(value[0] / value[1])


def printed_exposure(value: Rational) -> str:
    """As ExifTool's PrintExposureTime: 1/125, 0.3, 2; "undef" for 0/0 and "inf" for 1/0."""
    seconds = value[0] / value[1] if value[1] else 0.0
    if 0 < seconds < 0.25001:
        return f"1/{int(0.5 + 1 / seconds)}"
    return _printed(value, "{:.1f}").removesuffix(".0")


def take(photo: SandboxPhoto, device: Device, draw: Random) -> Taking:
    """Take a photo, or scan one: its settings and the tags its file holds."""
    kind = draw.choices(KINDS, KIND_SHARES)[0]
    size = (photo.width, photo.height)
    software = draw.choice(EDITORS) if kind in ("edited", "conflict") else _firmware(device, photo.taken, draw)
    tags = camera_tags(device, photo.taken, software, size)
    if not device.lenses:
        return Taking(device, None, kind, tags)
    settings = expose(device, scene_light(photo.taken.hour, draw), draw)
    if kind == "odd":
        settings = broken(settings, draw)
    return Taking(device, settings, kind, tags + setting_tags(device, settings))


def _firmware(device: Device, taken: datetime, draw: Random) -> str:
    release = draw.randrange(4)
    if device.make == "Apple":
        return f"{max(taken.year - 2007, 1)}.{release}"  # iOS: one a year
    return f"Firmware Version 1.{release}.0" if device.make == "Canon" else f"Ver.1.0{release}"


def _entry(space: str, tag: str, label: str, raw: str, clean: str | None = None) -> Mapping[str, Any]:
    entry: dict[str, Any] = {"tagspace": space, "tagspaceid": 0, "tag": tag, "label": label, "raw": {"_content": raw}}
    return entry | {"clean": {"_content": clean}} if clean else entry


def _clean(tag: Tag) -> str | None:
    if tag.name == "FNumber":
        return f"f/{tag.raw}"
    if tag.name == "ExposureTime" and tag.raw.startswith("1/"):
        return f"{1 / int(tag.raw[2:]):.3f} sec ({tag.raw})"
    return None


def _numeric(tag: Tag) -> Mapping[str, Any]:
    """A tag as Flickr listed it in its first years: a number instead of a name, rationals as stored."""
    raw = f"{tag.value[0]}/{tag.value[1]}" if isinstance(tag.value, tuple) else str(tag.value)
    return _entry("TIFF" if tag.space == "IFD0" else "EXIF", str(tag.code), tag.label, raw)


def entries(taking: Taking, draw: Random) -> list[Mapping[str, Any]]:
    """The `exif` list of flickr.photos.getExif: the file's tags as ExifTool prints them, and JFIF, XMP, ICC entries."""
    jfif = [
        _entry("JFIF", "JFIFVersion", "JFIFVersion", "1.01"),
        _entry("JFIF", "ResolutionUnit", "Resolution Unit", "inches"),
        _entry("JFIF", "XResolution", "X-Resolution", "72"),
        _entry("JFIF", "YResolution", "Y-Resolution", "72"),
    ]
    if taking.kind == "stripped":
        return jfif
    if taking.kind == "numeric":
        return [_numeric(tag) for tag in taking.tags if tag.code is not None and not isinstance(tag.value, bytes)]
    served = [_entry(tag.space, tag.name, tag.label, tag.raw, _clean(tag)) for tag in taking.tags]
    if taking.kind in ("edited", "conflict"):
        served += _xmp(taking, draw)
    if draw.random() < 0.3:
        served += [
            _entry("ICC_Profile", "ProfileDescription", "Profile Description", "sRGB IEC61966-2.1"),
            _entry("ICC-header", "ColorSpaceData", "Color Space Data", "RGB"),
        ]
    return jfif + served if draw.random() < 0.5 else served


def _xmp(taking: Taking, draw: Random) -> list[Mapping[str, Any]]:
    """The copies that an editor writes into XMP; in a conflict, of another device or another exposure."""
    copied = {tag.name: tag for tag in taking.tags}
    changes: Sequence[tuple[str, str]] = (("Model", "Unknown"), ("FNumber", "1.0"), ("ExposureTime", "1/3"))
    changed, value = draw.choice(changes) if taking.kind == "conflict" and taking.settings else ("", "")
    spaces = {"Make": "XMP-tiff", "Model": "XMP-tiff", "FNumber": "XMP-exif", "ExposureTime": "XMP-exif"}
    copies = [
        _entry(space, name, copied[name].label, value if name == changed else copied[name].raw)
        for name, space in spaces.items()
        if name in copied
    ]
    return [*copies, _entry("XMP-xmp", "CreatorTool", "Creator Tool", copied["Software"].raw)]
