"""The table of variants: published names and classes, the nearest names of a wrong one, and the centre mask."""

import dataclasses
import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from flickrexif.core.errors import UsageError
from flickrexif.processing.variants import PAPER, PARAMETERS, VARIANTS, Encoding, Variant, centre_mask, classes, variant

PUBLISHED = """IDENTITY JPEG75_420 JPEG75_444 JPEG85_420 JPEG85_444 JPEG95_420 JPEG95_444 SHARPEN_2 SHARPEN_4
RESIZE_HALF RESIZE_DOUBLE INTERPOLATION_BILINEAR INTERPOLATION_BICUBIC INTERPOLATION_LANCZOS INTERPOLATION_BOX"""


def test_the_papers_variants_are_the_published_ones() -> None:
    assert set(PAPER) == set(PUBLISHED.split())
    assert len(PAPER) == 14 + 1
    assert list(VARIANTS)[: len(PAPER)] == list(PAPER)


def test_the_parameters_have_the_published_classes() -> None:
    assert {name: len(names) for name, names in PARAMETERS.items()} == {
        "jpeg": 6,
        "sharpening": 3,
        "resizing": 3,
        "interpolation": 4,
    }
    assert set(PARAMETERS["jpeg"]) == {f"JPEG{quality}_{s}" for quality in (75, 85, 95) for s in (420, 444)}
    assert set(PARAMETERS["sharpening"]) == {"JPEG95_444", "SHARPEN_2", "SHARPEN_4"}
    assert set(PARAMETERS["resizing"]) == {"JPEG95_444", "RESIZE_HALF", "RESIZE_DOUBLE"}
    assert {*PARAMETERS["interpolation"]} == {f"INTERPOLATION_{f}" for f in ("BILINEAR", "BICUBIC", "LANCZOS", "BOX")}


def test_the_classes_are_the_papers_distinct_variants() -> None:
    assert {name for names in PARAMETERS.values() for name in names} == set(PAPER) - {"IDENTITY"}


def test_every_class_but_those_of_jpeg_ends_in_quality_95_without_subsampling() -> None:
    for parameter in ("sharpening", "resizing", "interpolation"):
        assert {VARIANTS[name].encoding for name in PARAMETERS[parameter]} == {Encoding("JPEG", 95, "4:4:4", False)}


def test_names_and_configs_are_unique_plain_and_described() -> None:
    assert len({row.config for row in VARIANTS.values()}) == len(VARIANTS)
    for name, row in VARIANTS.items():
        assert row.name == name == row.config.upper()
        assert re.fullmatch(r"[a-z0-9_]+", row.config)
    assert len({row.description for row in VARIANTS.values()}) == len(VARIANTS)
    assert VARIANTS["SHARPEN_2"].description == "sharpened by 2, then JPEG quality 95, 4:4:4"


def test_the_page_tells_of_every_row() -> None:
    page = (Path(__file__).parents[1] / "docs" / "processing.md").read_text()
    told = re.findall(r"^\| `(\w+)` \| (.*) \|$", page, re.MULTILINE)
    rows = [(row.config, row.description) for row in VARIANTS.values()]
    assert [line for line in told if line[0].upper() in VARIANTS] == rows
    assert (
        dict(told).items()
        >= {name: ", ".join(f"`{c.lower()}`" for c in PARAMETERS[name]) for name in PARAMETERS}.items()
    )


def test_a_jpegs_name_says_its_encoding() -> None:
    named = {name: re.fullmatch(r"JPEG(\d\d)_(4)(\d)(\d)(_PROGRESSIVE)?", name) for name in VARIANTS}
    found = {name: match for name, match in named.items() if match}
    assert len(found) == 10
    for name, match in found.items():
        quality, *sampling, progressive = match.groups()
        assert VARIANTS[name] == Variant(
            name,
            (),
            Encoding("JPEG", int(quality), ":".join(sampling), progressive is not None),  # type: ignore[arg-type]
        )


def test_only_the_interpolation_rows_are_random() -> None:
    assert {name for name, row in VARIANTS.items() if row.is_random} == set(PARAMETERS["interpolation"])


def test_rows_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        VARIANTS["SHARPEN_2"].name = "other"  # type: ignore[misc]
    with pytest.raises(TypeError):
        VARIANTS["OTHER"] = VARIANTS["SHARPEN_2"]  # type: ignore[index]


@pytest.mark.parametrize("name", VARIANTS)
def test_a_row_survives_the_way_to_a_worker(name: str) -> None:
    assert pickle.loads(pickle.dumps(VARIANTS[name])) == VARIANTS[name]


@pytest.mark.parametrize("spelling", ["JPEG75_420", "jpeg75_420", "Jpeg75_420"])
def test_a_variant_is_found_in_any_case(spelling: str) -> None:
    assert variant(spelling) is VARIANTS["JPEG75_420"]


@pytest.mark.parametrize(
    ("given_name", "nearest"),
    [("JPEG75_422", "JPEG75_420"), ("sharpen2", "SHARPEN_2"), ("interpolation_bicubik", "INTERPOLATION_BICUBIC")],
)
def test_an_unknown_variant_is_told_the_nearest(given_name: str, nearest: str) -> None:
    with pytest.raises(UsageError) as raised:
        variant(given_name)
    assert given_name in raised.value.message
    assert nearest in raised.value.hint


def test_a_name_near_none_is_told_all_of_them() -> None:
    with pytest.raises(UsageError) as raised:
        variant("???" * 1_000)
    assert "JPEG75_420" in raised.value.hint
    assert len(str(raised.value)) < 1_000


def test_the_classes_of_a_parameter_are_found_in_any_case() -> None:
    assert classes("JPEG") == PARAMETERS["jpeg"]
    with pytest.raises(UsageError, match="sharpening"):
        classes("sharpenning")


def test_the_table_loads_no_pixel_code() -> None:
    modules = ", ".join(f"flickrexif.processing{name}" for name in ("", ".variants", ".draw"))
    code = f"import sys, {modules}; print({{'PIL', 'numpy'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_the_package_offers_the_two_public_names() -> None:
    from flickrexif import processing
    from flickrexif.processing.operations import apply_variant
    from flickrexif.processing.transform import VariantTransform

    assert processing.apply_variant is apply_variant
    assert processing.VariantTransform is VariantTransform
    assert processing.__all__ == sorted(processing.__all__)
    with pytest.raises(AttributeError):
        _ = processing.nothing


def test_the_papers_mask_on_an_encoders_input() -> None:
    # sqrt(0.9) * 224 = 212.5, sqrt(0.95) * 224 = 218.3, sqrt(0.25) is a half
    assert centre_mask(224, 224, 0.9) == (6, 6, 218, 218)
    assert centre_mask(224, 224, 0.95) == (3, 3, 221, 221)
    assert centre_mask(400, 200, 0.25) == (100, 50, 300, 150)


@given(st.integers(1, 4_000), st.integers(1, 4_000), st.floats(0, 1))
def test_a_mask_is_centred_and_covers_what_was_asked(width: int, height: int, ratio: float) -> None:
    left, upper, right, lower = centre_mask(width, height, ratio)
    assert 0 <= left <= right <= width
    assert 0 <= upper <= lower <= height
    assert right == left or left == width - right
    assert lower == upper or upper == height - lower
    # each side within a pixel of its share
    assert abs((right - left) - width * ratio**0.5) <= 1 + 1e-9
    assert abs((lower - upper) - height * ratio**0.5) <= 1 + 1e-9


@given(st.integers(1, 500), st.integers(1, 500), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_mask_contains_a_smaller(width: int, height: int, one: float, other: float) -> None:
    small, large = (centre_mask(width, height, ratio) for ratio in sorted((one, other)))
    assert large[0] <= small[0]
    assert large[1] <= small[1]
    assert large[2] >= small[2]
    assert large[3] >= small[3]


@given(st.integers(1, 4_000), st.integers(1, 4_000))
def test_nothing_and_everything_can_be_masked(width: int, height: int) -> None:
    left, upper, right, lower = centre_mask(width, height, 0)
    assert (right - left, lower - upper) == (0, 0)
    assert centre_mask(width, height, 1) == (0, 0, width, height)


@given(st.floats())
def test_a_ratio_outside_0_to_1_is_refused(ratio: float) -> None:
    assume(not 0 <= ratio <= 1)  # NaN among them
    with pytest.raises(UsageError, match="0 to 1"):
        centre_mask(10, 10, ratio)
