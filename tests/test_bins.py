"""Numbers to classes, against the definition of a third stop and the published class names."""

import math
from collections.abc import Callable, Mapping
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flickrexif.exif import bins
from flickrexif.exif.values import Parsed, parse_exposure, parse_f_number, parse_focal_length, parse_iso

Parser = Callable[[object], Parsed]
Series = tuple[Mapping[str, float], Callable[[float], str | None], Parser, float]
# classes, number -> class, printed class -> number, stops a doubling
SERIES: dict[str, Series] = {
    "exposure": (bins.EXPOSURE_CLASSES, bins.exposure_class, parse_exposure, 1),
    "aperture": (bins.APERTURE_CLASSES, bins.aperture_class, parse_f_number, 2),
    "iso": (bins.ISO_CLASSES, bins.iso_class, parse_iso, 1),
}
ALL = [(setting, name) for setting, (classes, *_) in SERIES.items() for name in classes]

# The classes of the published split files.
PUBLISHED = {
    "exposure": "1/30 1/40 1/50 1/60 1/80 1/100 1/125 1/160 1/200 1/250 1/320 1/400 1/500 1/640 1/800 1/1000",
    "aperture": "1.8 2.0 2.2 2.4 2.8 3.2 3.5 4.0 4.5 5.0 5.6 6.3 7.1 8.0 9.0 10.0 11.0",
    "iso": "50 64 80 100 125 160 200 250 320 400 500 640 800 1000 1600 3200",
    "focal_length": "4.0|4.2|4.3|5.8|6.0|18.0|24.0|28.0|35.0|50.0|55.0|70.0|200.0".replace("|", "_mm ") + "_mm",
}
EXACT: dict[str, tuple[Parser, Callable[[float], str]]] = {
    "exposure": (parse_exposure, bins.exposure_exact),
    "aperture": (parse_f_number, bins.aperture_exact),
    "iso": (parse_iso, bins.iso_exact),
    "focal_length": (parse_focal_length, bins.focal_length_exact),
}


def exact(setting: str, raw: object) -> str | None:
    parse, to_exact = EXACT[setting]
    value, _ = parse(raw)
    return None if value is None else to_exact(value)


@pytest.mark.parametrize(
    ("setting", "ends"), [("exposure", ("1/8000", "30")), ("aperture", ("0.95", "32.0")), ("iso", ("25", "409600"))]
)
def test_the_series_run_as_far_as_cameras_do(setting: str, ends: tuple[str, str]) -> None:
    classes = SERIES[setting][0]
    assert (next(iter(classes)), list(classes)[-1]) == ends
    values = list(classes.values())
    assert values == sorted(values)


@pytest.mark.parametrize(("setting", "name"), ALL)
def test_class_to_number_to_class(setting: str, name: str) -> None:
    classes, to_class, parse, _ = SERIES[setting]
    assert to_class(classes[name]) == name
    printed, reason = parse(name)
    assert reason is None
    assert printed is not None
    assert to_class(printed) == name


@pytest.mark.parametrize("setting", SERIES)
def test_neighbours_are_a_third_of_a_stop_apart(setting: str) -> None:
    classes, _, _, stops = SERIES[setting]
    values = [value for name, value in classes.items() if name != "0.95"]
    steps = [stops * math.log2(high / low) for low, high in pairwise(values)]
    assert steps == pytest.approx([1 / 3] * len(steps))


@pytest.mark.parametrize("setting", SERIES)
@given(data=st.data())
def test_a_value_goes_to_the_nearest_class_at_most_a_sixth_of_a_stop_off(setting: str, data: st.DataObject) -> None:
    classes, to_class, _, stops = SERIES[setting]
    low, high = min(classes.values()) / 2, max(classes.values()) * 2
    value = data.draw(st.floats(low, high))
    distance = {name: abs(stops * math.log2(value / middle)) for name, middle in classes.items()}
    name_of_class = to_class(value)
    if name_of_class is None:
        assert min(distance.values()) > 1 / 6
    else:
        assert distance[name_of_class] == pytest.approx(min(distance.values()))
        assert distance[name_of_class] <= 1 / 6 + 1e-6


@pytest.mark.parametrize(
    ("setting", "raw", "name"),
    [
        ("exposure", "1/3", "0.3"),
        ("exposure", "0.3", "0.3"),
        ("exposure", "1/13", "1/13"),
        ("exposure", "1/12", "1/13"),
        ("exposure", "1/33", "1/30"),
        ("exposure", "1/219", "1/200"),
        ("exposure", "1/64", "1/60"),
        ("exposure", "3", "3.2"),
        ("exposure", "1/16000", None),
        ("exposure", "60", None),
        ("aperture", "0.95", "0.95"),
        ("aperture", "1.2", "1.2"),
        ("aperture", "1.3", "1.2"),
        ("aperture", "1.7", "1.8"),
        ("aperture", "2.4", "2.5"),
        ("aperture", "3.0", "3.2"),
        ("aperture", "64", None),
        ("iso", "64", "64"),
        ("iso", "141", "125"),
        ("iso", "3276800", None),
    ],
)
def test_values_that_cameras_print(setting: str, raw: str, name: str | None) -> None:
    _, to_class, parse, _ = SERIES[setting]
    value, _ = parse(raw)
    assert value is not None
    assert to_class(value) == name


@given(st.floats(0.1, 20_000))
def test_a_focal_length_lies_in_its_bin(millimetres: float) -> None:
    name = bins.focal_length_class(millimetres)
    if name.startswith("under"):
        assert millimetres < float(name.split()[1])
    elif name.endswith("over"):
        assert millimetres >= float(name.split()[0])
    else:
        low, high = map(float, name.removesuffix(" mm").split("-"))
        assert low <= millimetres < high


@pytest.mark.parametrize("name", bins.FOCAL_LENGTH_CLASSES)
def test_focal_length_class_to_number_to_class(name: str) -> None:
    assert bins.focal_length_class(bins.FOCAL_LENGTH_CLASSES[name]) == name


@pytest.mark.parametrize(("setting", "names"), PUBLISHED.items())
def test_the_published_classes_come_out_by_name(setting: str, names: str) -> None:
    classes = [name.replace("_", " ") for name in names.split()]
    assert len(classes) == {"exposure": 16, "aperture": 17, "iso": 16, "focal_length": 13}[setting]
    assert [exact(setting, name) for name in classes] == classes


@pytest.mark.parametrize(
    ("setting", "forms", "name"),
    [
        ("exposure", ("1/125", "0.008", "10/1250", "1/125 s", "0.008 sec (1/125)", (1, 125), 0.008), "1/125"),
        ("exposure", ("0.3", "1/3", (10, 30)), "0.3"),
        ("exposure", ("30", "30.0", "30/1", 30), "30"),
        ("aperture", ("5.6", "f/5.6", "F5.6", "56/10", (56, 10), 5.6), "5.6"),
        ("aperture", ("4", "4.0", "f/4", 4), "4.0"),
        ("aperture", ("0.95", "95/100"), "0.95"),
        ("aperture", ("0.999", "1.0"), "1.0"),
        ("iso", ("100", "ISO 100", "100, 0, 0", 100), "100"),
        ("focal_length", ("50.0 mm", "50mm", "50", "500/10", (500, 10)), "50.0 mm"),
    ],
)
def test_every_form_of_a_value_is_one_exact_class(setting: str, forms: tuple[object, ...], name: str) -> None:
    assert {exact(setting, form) for form in forms} == {name}


@pytest.mark.parametrize(
    ("setting", "low", "high"),
    [("exposure", 1e-6, 86_400), ("aperture", 0.5, 512), ("iso", 1, 65_534), ("focal_length", 0.1, 20_000)],
)
@given(data=st.data())
def test_an_exact_class_is_its_own_exact_class(setting: str, low: float, high: float, data: st.DataObject) -> None:
    name = EXACT[setting][1](data.draw(st.floats(low, high)))
    assert exact(setting, name) == name
