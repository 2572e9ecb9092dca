"""The check of pairs: each rule with one planted fault and the exact finding, and none in a clean set."""

import hashlib
import io
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import skimage.data
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from flickrexif.collectors.sandbox.pairs import simulate_pairs
from flickrexif.exif.files import read_tags
from flickrexif.paircams.check import HEADER, check, inspect, notes, summary, table, to_json
from flickrexif.paircams.clocks import clocks, taken_problems
from flickrexif.paircams.pairing import read_pairs
from flickrexif.paircams.protocol import FINDINGS, RULES
from flickrexif.paircams.records import PairImage, Problem, Side
from flickrexif.paircams.rules import Pair
from tests.pair_images import pair_image

PAIRS = 8
SUBJECT, OTHER = "0003", "0005"
SPAN = timedelta(minutes=30)
NOON = datetime(2024, 6, 1, 12)
MEASURED = r"(\d+) inliers, (\d+)% of the matches, overlap (\d+)%"


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> list[PairImage]:
    folder = tmp_path_factory.mktemp("clean") / "pairs"
    simulate_pairs(folder, PAIRS, seed=2, side=480)
    images, faults = read_pairs(folder)
    assert not faults
    return images


Change = Callable[[PairImage], PairImage]


def changed(images: list[PairImage], side: Side, change: Change, subject: str = SUBJECT) -> list[PairImage]:
    return [change(i) if (i.subject, i.side) == (subject, side) else i for i in images]


def image_of(images: list[PairImage], subject: str, side: Side) -> PairImage:
    return next(image for image in images if (image.subject, image.side) == (subject, side))


def with_data(image: PairImage, data: bytes) -> PairImage:
    return replace(image, read=lambda: data, sha256=hashlib.sha256(data).hexdigest())


def redrawn(change: Callable[[Image.Image], Image.Image]) -> Change:
    """The image with its picture changed and written anew."""

    def redraw(image: PairImage) -> PairImage:
        file = io.BytesIO()
        with Image.open(io.BytesIO(image.read())) as picture:
            change(picture).save(file, "JPEG", quality=90)
        return with_data(image, file.getvalue())

    return redraw


def findings_of(images: list[PairImage]) -> list[tuple[str, str, str, str]]:
    return [(p.subject, p.file, p.rule, p.detail) for p in check(images)]


def test_a_clean_set_has_no_finding(clean: list[PairImage]) -> None:
    report = inspect(clean)
    assert (report.images, report.pairs, report.problems, report.clocks) == (2 * PAIRS, PAIRS, (), ())
    assert set(report.framing) == {image.subject for image in clean}
    assert all(match.fits for match in report.framing.values())


def test_no_images_have_no_finding() -> None:
    assert check([]) == []


# --- one planted fault each

TAGS = [
    ("flash", "Flash", "Fired"),
    ("flash", "Flash", "Auto, Fired, Red-eye reduction"),
    ("white_balance", "WhiteBalance", "Manual"),
    ("exposure_mode", "ExposureMode", "Manual"),
    ("exposure_mode", "ExposureMode", "Auto bracket"),
    ("exposure_program", "ExposureProgram", "Manual"),
    ("exposure_program", "ExposureProgram", "Aperture-priority AE"),
]


@pytest.mark.parametrize("side", ["phone", "camera"])
@pytest.mark.parametrize(("rule", "tag", "value"), TAGS)
def test_a_setting(clean: list[PairImage], side: Side, rule: str, tag: str, value: str) -> None:
    planted = changed(clean, side, lambda image: replace(image, tags={**image.tags, tag: value}))
    assert findings_of(planted) == [(SUBJECT, f"{SUBJECT}/{side}.jpg", rule, f"{tag} is {value}")]


@pytest.mark.parametrize("value", [None, "", "Not Defined", "no such word"])
@pytest.mark.parametrize("tag", ["Flash", "WhiteBalance", "ExposureMode", "ExposureProgram"])
def test_a_tag_that_tells_nothing_is_not_held_against_the_image(
    clean: list[PairImage], tag: str, value: str | None
) -> None:
    tags = {name: text for name, text in image_of(clean, SUBJECT, "phone").tags.items() if name != tag}
    if value is not None:
        tags[tag] = value
    report = inspect(changed(clean, "phone", lambda image: replace(image, tags=tags))[:8])
    assert report.problems == ()
    rule = next(rule for rule, name, _ in TAGS if name == tag)
    assert report.checkable[rule] == 7


@pytest.mark.parametrize(("side", "good", "bad"), [("phone", 2018, 2017), ("camera", 2014, 2015)])
def test_a_year_of_release(clean: list[PairImage], side: Side, good: int, bad: int) -> None:
    assert findings_of(changed(clean, side, lambda image: replace(image, released=good))) == []
    planted = changed(clean, side, lambda image: replace(image, released=bad, model="Shot\x1b[1m 7"))
    detail = f"Shot [1m 7 ({side}) was released in {bad}"
    assert findings_of(planted) == [(SUBJECT, f"{SUBJECT}/{side}.jpg", "released", detail)]


def test_an_unknown_year_is_counted_as_unknown(clean: list[PairImage]) -> None:
    report = inspect([replace(image, released=None) for image in clean])
    assert (report.problems, report.checkable["released"]) == ((), 0)


@pytest.mark.parametrize(
    ("off", "words"),
    [
        (timedelta(minutes=31), "0:31:00 later"),
        (timedelta(minutes=-31), "0:31:00 earlier"),
        (timedelta(days=2, hours=3), "2 days, 3:00:00 later"),
    ],
)
def test_another_time_of_day(clean: list[PairImage], off: timedelta, words: str) -> None:
    taken = image_of(clean, SUBJECT, "phone").taken
    assert taken
    planted = changed(clean, "camera", lambda image: replace(image, taken=taken + off))
    assert findings_of(planted) == [(SUBJECT, f"{SUBJECT}/camera.jpg", "taken", f"the camera's image is {words}")]


def test_one_upright_and_one_lying(clean: list[PairImage]) -> None:
    planted = changed(clean, "camera", redrawn(lambda p: p.transpose(Image.Transpose.ROTATE_90)))
    assert findings_of(planted) == [(SUBJECT, "", "orientation", "the phone's is lying, the camera's is upright")]


def test_upside_down(clean: list[PairImage]) -> None:
    planted = changed(clean, "camera", redrawn(lambda p: p.transpose(Image.Transpose.ROTATE_180)))
    [(subject, file, rule, detail)] = findings_of(planted)
    assert (subject, file, rule) == (SUBJECT, "", "orientation")
    degrees = re.fullmatch(r"the camera's is turned by (\d+) degrees", detail)
    assert degrees
    assert 175 <= int(degrees[1]) <= 180  # the hands that held the two were not quite level


def test_another_scene(clean: list[PairImage]) -> None:
    text = Image.fromarray(skimage.data.text())  # no part of the simulated scenes
    planted = changed(clean, "camera", redrawn(lambda p: text.resize(p.size)))
    [(subject, file, rule, detail)] = findings_of(planted)
    assert (subject, file, rule) == (SUBJECT, "", "framing")
    measured = re.fullmatch(MEASURED, detail)
    assert measured
    assert int(measured[1]) < 15


def test_a_far_closer_view(clean: list[PairImage]) -> None:
    def closer(picture: Image.Image) -> Image.Image:
        w, h = picture.size
        return picture.crop((w // 4, h // 4, w * 3 // 4, h * 3 // 4)).resize((w, h))

    [(subject, file, rule, detail)] = findings_of(changed(clean, "camera", redrawn(closer)))
    assert (subject, file, rule) == (SUBJECT, "", "framing")
    measured = re.fullmatch(MEASURED, detail)
    assert measured
    assert int(measured[1]) > 15
    assert 10 < int(measured[3]) < 30  # half of each side, and the two did not quite stand at one place


def test_a_blank_image_cannot_be_told(clean: list[PairImage]) -> None:
    planted = changed(clean, "phone", redrawn(lambda p: Image.new("RGB", p.size, "grey")))
    assert findings_of(planted) == [(SUBJECT, "", "framing", "cannot be told from 0 features")]


def test_two_images_exchanged(clean: list[PairImage]) -> None:
    to = {SUBJECT: OTHER, OTHER: SUBJECT}
    planted = [replace(i, subject=to.get(i.subject, i.subject)) if i.side == "phone" else i for i in clean]
    findings = [finding for finding in findings_of(planted) if finding[2] != "taken"]
    assert [finding[:3] for finding in findings] == [
        (SUBJECT, f"{OTHER}/phone.jpg", "swapped"),
        (OTHER, f"{SUBJECT}/phone.jpg", "swapped"),
    ]
    for (*_, detail), other in zip(findings, (OTHER, SUBJECT), strict=True):
        measured = re.fullmatch(rf"it fits subject {other} \({MEASURED}\) better than its own \({MEASURED}\)", detail)
        assert measured
        assert int(measured[1]) > 100
        assert int(measured[4]) < int(measured[1]) / 2


def copied(clean: list[PairImage], change: Change) -> list[PairImage]:
    """The pictures of OTHER are those of SUBJECT, changed."""

    def copy(image: PairImage) -> PairImage:
        source = change(image_of(clean, SUBJECT, image.side))
        return replace(image, read=source.read, sha256=source.sha256)

    return [copy(image) if image.subject == OTHER else image for image in clean]


def test_the_same_files_twice(clean: list[PairImage]) -> None:
    assert findings_of(copied(clean, lambda image: image)) == [
        (subject, f"{subject}/{side}.jpg", "duplicate", f"the same bytes as {other}/{side}.jpg of subject {other}")
        for subject, other in ((SUBJECT, OTHER), (OTHER, SUBJECT))
        for side in ("camera", "phone")
    ]


def test_one_scene_for_two_subjects(clean: list[PairImage]) -> None:
    planted = copied(clean, redrawn(lambda p: p.crop((8, 6, p.width - 2, p.height - 4))))
    findings = findings_of(planted)
    assert [finding[:3] for finding in findings] == [(SUBJECT, "", "near_duplicate"), (OTHER, "", "near_duplicate")]
    for (*_, detail), other in zip(findings, (OTHER, SUBJECT), strict=True):
        measured = re.fullmatch(rf"the same scene as subject {other} \({MEASURED}\)", detail)
        assert measured
        assert int(measured[3]) > 90


def test_many_duplicates_are_named_in_part(clean: list[PairImage]) -> None:
    data = clean[0].read()
    planted = [with_data(image, data) for image in clean]
    details = [p.detail for p in check(planted) if p.rule == "duplicate"]
    assert len(details) == 2 * PAIRS
    assert all(
        detail.count(" of subject ") == 3 and detail.endswith(f" and {2 * PAIRS - 4} more") for detail in details
    )


@pytest.mark.parametrize("left_out", [{"phone"}, {"camera"}])
def test_a_subject_of_one_image(clean: list[PairImage], left_out: set[str]) -> None:
    planted = [i for i in clean if i.subject != SUBJECT or i.side not in left_out]
    assert findings_of(planted) == [(SUBJECT, "", "two_images", "1 image")]


def test_a_subject_of_three_images(clean: list[PairImage]) -> None:
    third = redrawn(lambda p: p)(replace(image_of(clean, SUBJECT, "phone"), file_name="more.jpg"))
    assert findings_of([*clean, third]) == [(SUBJECT, "", "two_images", "3 images")]


def test_two_of_one_side(clean: list[PairImage]) -> None:
    planted = changed(clean, "camera", lambda image: replace(image, side="phone", released=2020))
    assert findings_of(planted) == [(SUBJECT, "", "one_a_side", "both are of a phone")]


def gone() -> bytes:
    raise FileNotFoundError(2, "No such file or directory")


@pytest.mark.parametrize("read", [gone, lambda: b"\xff\xd8\xff", bytes])
def test_an_image_that_cannot_be_read(clean: list[PairImage], read: Callable[[], bytes]) -> None:
    report = inspect(changed(clean, "camera", lambda image: replace(image, read=read)))
    assert [(p.subject, p.file, p.rule) for p in report.problems] == [(SUBJECT, f"{SUBJECT}/camera.jpg", "unreadable")]
    assert len(report.framing) == PAIRS - 1


def test_faults_of_the_source_are_reported_once(clean: list[PairImage]) -> None:
    fault = Problem(subject=SUBJECT, file="", rule="two_images", detail="3 images: a, b, c")
    planted = [i for i in clean if i.subject != SUBJECT or i.side != "phone"]
    assert inspect(planted, [fault]).problems == (fault,)


def test_every_rule_found_is_a_rule(clean: list[PairImage]) -> None:
    assert {rule for rule, *_ in summary(inspect(clean))} == set(FINDINGS)


# --- clocks


def shot(subject: int, side: Side, taken: datetime | None, model: str = "Canon EOS 450D") -> PairImage:
    device, name = model if side == "camera" else "Pixel 4", f"{subject}/{side}.jpg"
    return pair_image(f"{subject}", side, file_name=name, model=device, taken=taken)


def pairs_off(minutes: list[float | None], model: str = "Canon EOS 450D") -> list[Pair]:
    """Pairs whose camera's time is so many minutes after the phone's."""
    return [
        Pair(shot(n, "phone", NOON), shot(n, "camera", None if m is None else NOON + timedelta(minutes=m), model))
        for n, m in enumerate(minutes)
    ]


def test_a_clock_that_is_off_is_told_and_allowed_for() -> None:
    pairs = pairs_off([182, 179, 180, 184, 178, 181, 260, None])
    off = clocks(pairs, SPAN)
    [clock] = off.values()
    assert (clock.camera, clock.offset, clock.agreeing, clock.pairs) == ("Canon EOS 450D", timedelta(minutes=181), 6, 7)
    [problem] = taken_problems(pairs, off, SPAN)
    assert (problem.subject, problem.file, problem.rule) == ("6", "6/camera.jpg", "taken")
    assert problem.detail == "the camera's image is 1:19:00 later, though its clock, 3:01:00 ahead, is allowed for"


@pytest.mark.parametrize(
    "minutes",
    [
        [180, 180, 180, 180],  # too few
        [3, 2, 6, 1, 4, 900],  # right
        [100, 900, 2000, 4000, 180, 181],  # not steady
    ],
)
def test_other_clocks_are_taken_as_they_are(minutes: list[float | None]) -> None:
    pairs = pairs_off(minutes)
    assert clocks(pairs, SPAN) == {}
    accused = {problem.subject for problem in taken_problems(pairs, {}, SPAN)}
    assert accused == {str(n) for n, m in enumerate(minutes) if m is not None and abs(m) > 30}


def test_each_camera_has_its_own_clock() -> None:
    pairs = pairs_off([-1500] * 5, "E990") + pairs_off([1, 2, 3, 4, 5], "C8080WZ") + pairs_off([60] * 9, "XT1032")
    assert {name: clock.offset for name, clock in clocks(pairs, SPAN).items()} == {
        "E990": -timedelta(minutes=1500),
        "XT1032": timedelta(minutes=60),
    }


@given(st.lists(st.integers(-(10**6), 10**6), min_size=5, max_size=30), st.integers(-(10**6), 10**6))
def test_shifting_a_steady_clock_accuses_nobody_else(seconds: list[int], shift: int) -> None:
    near = [second % 600 / 60 for second in seconds]  # all within ten minutes
    pairs = pairs_off([minute + shift / 60 for minute in near])
    assert list(taken_problems(pairs, clocks(pairs, SPAN), SPAN)) == []


def test_a_clock_is_said_in_the_report(clean: list[PairImage]) -> None:
    def late(image: PairImage) -> PairImage:
        assert image.taken
        return replace(image, make="NIKON", model="E990", taken=image.taken + timedelta(hours=5))

    report = inspect([late(image) if image.side == "camera" else image for image in clean])
    assert report.problems == ()
    [note] = notes(report)
    assert re.fullmatch(r"The clock of NIKON E990 is 5:\d\d:\d\d ahead, as 8 of 8 pairs tell\.", note)
    [clock] = json.loads(to_json(report))["clocks"]
    assert clock["camera"] == "NIKON E990"
    assert 5 * 3600 <= clock["offset"] < 5 * 3600 + 400


# --- how it is told


def test_the_tags_are_those_that_exiftool_prints(clean: list[PairImage]) -> None:
    image = image_of(clean, SUBJECT, "phone")
    assert image.path
    assert dict(image.tags) == read_tags(image.path)


HOSTILE = "a\u202eb\x1b[31m\n|<b>" + "x" * 500


def test_rows_are_printable_and_bounded(clean: list[PairImage]) -> None:
    tags: Mapping[str, str] = {"Flash": "Fired" + " " * 400}
    report = inspect([replace(clean[0], subject=HOSTILE, file_name=HOSTILE, tags=tags), *clean[2:]])
    rows = table(report)
    assert rows
    assert len(HEADER) == 4
    assert all(len(row) == 4 and "".join(row).isprintable() and len("".join(row)) < 600 for row in rows)


def test_json_holds_every_finding(clean: list[PairImage]) -> None:
    odd = [replace(image, subject=HOSTILE) if image.subject == SUBJECT else image for image in clean]
    report = inspect(changed(odd, "phone", lambda i: replace(i, tags={**i.tags, "Flash": "Fired"}), HOSTILE))
    report_json = json.loads(to_json(report))
    assert report_json["findings"] == [
        {"subject": HOSTILE, "file": f"{SUBJECT}/phone.jpg", "rule": "flash", "detail": "Flash is Fired"}
    ]
    assert set(report_json["framing"]) == {image.subject for image in odd}
    assert (report_json["images"], report_json["pairs"]) == (2 * PAIRS, PAIRS)
    assert report_json["known"]["flash"] == 2 * PAIRS


def test_progress_counts_pairs(clean: list[PairImage]) -> None:
    steps: list[tuple[int, int]] = []
    inspect(clean, progress=lambda done, total: steps.append((done, total)))
    assert steps == [(n, PAIRS) for n in range(1, PAIRS + 1)]


def test_rules_have_sentences() -> None:
    assert all(sentence.endswith(".") for sentence in RULES.values())
