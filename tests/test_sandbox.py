"""The embedded server, driven over HTTP by requests and by the real flickrapi client."""

import base64
import hashlib
import hmac
import json
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote
from xml.etree import ElementTree

import flickrapi
import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from requests_oauthlib import OAuth1

from flickrexif.collectors.sandbox.faults import (
    API_KINDS,
    IMAGE_KINDS,
    KINDS,
    MISTAKEN,
    MISTOLD,
    PERMANENT,
    SEARCH_KINDS,
    Faults,
    parse_faults,
)
from flickrexif.collectors.sandbox.population import SandboxPhoto
from flickrexif.collectors.sandbox.server import Sandbox
from flickrexif.core.errors import UsageError
from tests.populations import EXIF, START, ListPopulation, make_photo

ALWAYS = {"id", "owner", "secret", "server", "farm", "title", "ispublic", "isfriend", "isfamily"}
ROOT = Path(__file__).parents[1]
WINDOW = {"min_taken_date": "2024-08-01 00:00:00", "max_taken_date": "2024-08-31 23:59:59"}


PHOTOS = [make_photo(number) for number in range(240)]
SPECIAL = {
    "hidden": make_photo(1_000, exif_access="hidden"),
    "deleted": make_photo(1_001, exif_access="deleted"),
    "small": make_photo(1_002, width=500, height=700, original_allowed=False),
    "tiny": make_photo(1_003, width=60, height=100),
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(ListPopulation([*PHOTOS, *SPECIAL.values()])) as running:
        yield running


def get(sandbox: Sandbox, method: str, **arguments: object) -> requests.Response:
    fixed = {"method": method, "api_key": "sandbox", "format": "json", "nojsoncallback": 1}
    params = {name: str(value) for name, value in (fixed | arguments).items()}
    return requests.get(sandbox.endpoint, params=params, timeout=30)


def search(sandbox: Sandbox, **arguments: object) -> dict[str, Any]:
    return get(sandbox, "flickr.photos.search", **arguments).json()


def ids(answer: Mapping[str, Any]) -> list[int]:
    return [int(entry["id"]) for entry in answer["photos"]["photo"]]


def flickr(sandbox: Sandbox, session: requests.Session, secret: str = "sandbox") -> Any:
    api = flickrapi.FlickrAPI("sandbox", secret, format="parsed-json", store_token=False, timeout=30)
    api.REST_URL = sandbox.endpoint
    api.flickr_oauth.session = session
    return api


# --- keys and signatures ---------------------------------------------------------------------------------------


def test_flickrapi_signed_call_gets_what_a_plain_get_gets(sandbox: Sandbox) -> None:
    arguments = {**WINDOW, "license": "4,5", "extras": "date_taken,url_l", "per_page": 10}
    with requests.Session() as session:
        signed = flickr(sandbox, session).photos.search(**arguments)
    assert signed == search(sandbox, **arguments)
    assert signed["photos"]["photo"]


def signed_post(sandbox: Sandbox, key: str = "sandbox", secret: str = "sandbox") -> requests.PreparedRequest:
    form = {"method": "flickr.test.echo", "format": "json", "nojsoncallback": "1", "word": "é +&=%"}
    return requests.Request("POST", sandbox.endpoint, data=form, auth=OAuth1(key, secret)).prepare()


def send(request: requests.PreparedRequest) -> requests.Response:
    with requests.Session() as session:
        return session.send(request, timeout=30)


def test_wrong_secret_is_refused_with_the_base_string_that_was_signed(sandbox: Sandbox) -> None:
    request = signed_post(sandbox, secret="wrong")
    answer = send(request)
    assert answer.status_code == 401
    problem, _, base_string = answer.text.partition("&debug_sbs=")
    assert problem == "oauth_problem=signature_invalid"
    header = request.headers["Authorization"]
    header = header.decode() if isinstance(header, bytes) else header
    sent = unquote(re.search('oauth_signature="(.*?)"', header)[1])  # type: ignore[index]
    assert base64.b64encode(hmac.new(b"wrong&", base_string.encode(), hashlib.sha1).digest()).decode() == sent


def test_a_changed_form_breaks_the_signature(sandbox: Sandbox) -> None:
    request = signed_post(sandbox)
    assert isinstance(request.body, bytes)
    request.body = request.body.replace(b"%C3%A9", b"%C3%A8")
    assert send(request).text.startswith("oauth_problem=signature_invalid")


def test_wrong_key_and_repeated_nonce(sandbox: Sandbox) -> None:
    unknown = send(signed_post(sandbox, key="other"))
    assert (unknown.status_code, unknown.text) == (401, "oauth_problem=consumer_key_unknown")
    request = signed_post(sandbox)
    first, again = send(request), send(request)
    assert first.json()["word"] == {"_content": "é +&=%"}
    assert (again.status_code, again.text) == (401, "oauth_problem=nonce_used")


@pytest.mark.parametrize("header", ["OAuth", "OAuth ", "OAuth x", 'OAuth oauth_nonce="1"', "OAuth =,=,%%%"])
def test_a_malformed_signature_is_refused(sandbox: Sandbox, header: str) -> None:
    answer = requests.post(sandbox.endpoint, data={"method": "x"}, headers={"Authorization": header}, timeout=30)
    assert (answer.status_code, answer.text[:14]) == (401, "oauth_problem=")


def test_failures_of_any_method(sandbox: Sandbox) -> None:
    assert get(sandbox, "flickr.test.echo", api_key="other").json() == {
        "stat": "fail",
        "code": 100,
        "message": "Invalid API Key (Key has invalid format)",
    }
    assert get(sandbox, "flickr.photos.nothing").json()["code"] == 112
    xml = get(sandbox, "flickr.test.echo", format='"><x>')
    assert xml.headers["Content-Type"].startswith("text/xml")
    assert 'code="111"' in xml.text
    assert "<x>" not in xml.text
    wrapped = get(sandbox, "flickr.test.echo", nojsoncallback=0).text
    assert json.loads(re.fullmatch(r"jsonFlickrApi\((.*)\)", wrapped)[1])["stat"] == "ok"  # type: ignore[index]


def test_a_post_without_a_length_and_a_huge_one_are_refused(sandbox: Sandbox) -> None:
    chunks = requests.post(sandbox.endpoint, data=iter([b"method=x"]), timeout=30)
    huge = requests.post(sandbox.endpoint, data=b"x" * 1_000_001, timeout=30)
    assert (chunks.status_code, huge.status_code) == (411, 413)


# --- search ----------------------------------------------------------------------------------------------------

second = st.integers(-5, 600).map(lambda offset: START + timedelta(seconds=offset))
posted = st.integers(-5, 1_005).map(lambda offset: 1_722_470_400 + offset)


@settings(max_examples=60, deadline=None)
@given(
    taken=st.tuples(second, second),
    uploaded=st.none() | st.tuples(posted, posted),
    licenses=st.none() | st.sets(st.integers(0, 16), min_size=1),
    safe=st.booleans(),
    media=st.sampled_from(["all", "photos", "videos"]),
    order=st.sampled_from(["date-taken-asc", "date-taken-desc", "date-posted-asc", "date-posted-desc"]),
    per_page=st.integers(30, 500),
    unix=st.booleans(),
)
def test_search_equals_a_plain_filter_of_the_list(
    sandbox: Sandbox,
    taken: tuple[datetime, datetime],
    uploaded: tuple[int, int] | None,
    licenses: set[int] | None,
    safe: bool,
    media: str,
    order: str,
    per_page: int,
    unix: bool,
) -> None:
    first, last = [str(int(t.replace(tzinfo=UTC).timestamp())) for t in taken] if unix else map(str, taken)
    arguments: dict[str, object] = {"min_taken_date": first, "max_taken_date": last, "media": media, "sort": order}
    expected = [photo for photo in PHOTOS if taken[0] <= photo.taken <= taken[1]]
    if uploaded:
        arguments |= {"min_upload_date": uploaded[0], "max_upload_date": uploaded[1]}
        expected = [photo for photo in expected if uploaded[0] <= photo.uploaded <= uploaded[1]]
    if licenses is not None:
        arguments["license"] = ",".join(map(str, licenses))
        expected = [photo for photo in expected if photo.license in licenses]
    if safe:
        arguments["safe_search"] = 1
        expected = [photo for photo in expected if photo.safe]
    expected = [photo for photo in expected if media == "all" or photo.media + "s" == media]

    def position(photo: SandboxPhoto) -> tuple[object, int]:
        return (photo.taken if "taken" in order else photo.uploaded), photo.id

    expected.sort(key=position, reverse=order.endswith("desc"))
    pages = max(1, -(-len(expected) // per_page))
    answers = [search(sandbox, **arguments, page=page, per_page=per_page) for page in range(1, pages + 2)]
    assert [photo_id for answer in answers for photo_id in ids(answer)] == [photo.id for photo in expected]
    assert {answer["photos"]["total"] for answer in answers} == {len(expected)}


def test_both_ends_of_a_window_are_inclusive(sandbox: Sandbox) -> None:
    photo = PHOTOS[100]
    same_second = [other.id for other in PHOTOS if other.taken == photo.taken]
    same_instant = search(sandbox, min_taken_date=str(photo.taken), max_taken_date=str(photo.taken))
    assert sorted(ids(same_instant)) == sorted(same_second)
    before = str(photo.taken - timedelta(seconds=1))
    assert photo.id not in ids(search(sandbox, min_taken_date=before, max_taken_date=before))


def test_pages_past_the_cap_repeat_the_last_one() -> None:
    photos = [make_photo(number, media="photo") for number in range(4_700)]
    with Sandbox(ListPopulation(photos)) as sandbox:
        pages = [search(sandbox, **WINDOW, per_page=500, page=page) for page in range(1, 11)]
        far = search(sandbox, **WINDOW, per_page=500, page=17)
    assert {(answer["photos"]["total"], answer["photos"]["pages"]) for answer in pages} == {(4_700, 10)}
    assert len({photo_id for answer in pages[:8] for photo_id in ids(answer)}) == 4_000
    assert ids(pages[8]) == ids(pages[9]) == ids(pages[7])
    assert [answer["photos"]["page"] for answer in pages] == list(range(1, 11))
    assert (far["stat"], far["code"]) == ("fail", 20)


def test_page_sizes(sandbox: Sandbox) -> None:
    assert search(sandbox, **WINDOW)["photos"]["perpage"] == 100
    assert search(sandbox, **WINDOW, per_page=501)["photos"]["perpage"] == 500
    assert len(ids(search(sandbox, **WINDOW, per_page=7))) == 7


@pytest.mark.parametrize(
    ("extra", "fields"),
    [
        ("", set()),
        ("date_taken", {"datetaken", "datetakengranularity", "datetakenunknown"}),
        ("date_upload", {"dateupload"}),
        ("owner_name", {"ownername"}),
        ("path_alias", {"pathalias"}),
        ("license", {"license"}),
        ("media", {"media", "media_status"}),
        ("o_dims", {"o_width", "o_height"}),
        ("original_format", {"originalformat", "originalsecret"}),
        *((f"url_{size}", {f"url_{size}", f"width_{size}", f"height_{size}"}) for size in "olczm"),
    ],
)
def test_extras_only_when_asked(sandbox: Sandbox, extra: str, fields: set[str]) -> None:
    entries = search(sandbox, **WINDOW | {"max_taken_date": str(PHOTOS[-1].taken)}, extras=extra)["photos"]["photo"]
    assert {frozenset(entry) for entry in entries} == {frozenset(ALWAYS | fields)}


def test_numbers_and_dates_are_strings_and_missing_sizes_are_absent(sandbox: Sandbox) -> None:
    extras = "license,date_taken,date_upload,o_dims,original_format,url_o,url_l,url_c,url_z,url_m"
    answer = search(sandbox, license=",".join(map(str, range(17))), extras=extras, per_page=500)
    entries = {int(entry["id"]): entry for entry in answer["photos"]["photo"]}
    whole, small, tiny = (entries[p.id] for p in (PHOTOS[16], SPECIAL["small"], SPECIAL["tiny"]))
    assert (whole["license"], whole["datetaken"], whole["datetakengranularity"]) == ("16", "2024-08-01 00:00:37", "0")
    assert (whole["o_width"], whole["width_l"], whole["height_l"]) == ("4000", 1024, 768)
    assert whole["originalsecret"] in whole["url_o"]
    assert whole["secret"] not in whole["url_o"]
    assert {name for name in small if name.startswith(("url_", "o_", "original"))} == {"url_z", "url_m"}
    assert (small["width_z"], small["height_z"]) == (457, 640)
    assert (tiny["width_m"], tiny["height_m"]) == (60, 100)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({}, 3),
        ({"per_page": 5, "extras": "license"}, 3),
        ({"license": "4", "tags": "cat"}, 112),
        ({"license": "4", "sort": "relevance"}, 112),
        ({"min_taken_date": "2024-13-01"}, 112),
        ({"min_taken_date": "-99999999999"}, 112),
        ({"max_upload_date": "yesterday"}, 112),
    ],
)
def test_searches_that_fail(sandbox: Sandbox, arguments: dict[str, object], code: int) -> None:
    answer = search(sandbox, **arguments)
    assert (answer["stat"], answer["code"]) == ("fail", code)


def test_a_search_too_wide_to_look_through_fails_at_once() -> None:
    class Endless(ListPopulation):
        def taken_between(self, first: datetime, last: datetime) -> Sequence[SandboxPhoto]:
            return Repeated(10**9) if last - first > timedelta(days=31) else []

    class Repeated(Sequence[SandboxPhoto]):
        def __init__(self, length: int) -> None:
            self.length = length

        def __len__(self) -> int:
            return self.length

        def __getitem__(self, place: Any) -> Any:
            raise AssertionError("looked through")

    with Sandbox(Endless(PHOTOS)) as sandbox:
        assert search(sandbox, license="4")["code"] == 112
        assert search(sandbox, **WINDOW)["photos"]["total"] == 0


def test_content_types_are_zero_based_and_the_old_content_type_one_based(sandbox: Sandbox) -> None:
    totals = [
        search(sandbox, **WINDOW, **argument)["photos"]["total"]
        for argument in ({"content_types": "0"}, {"content_types": "1,2"}, {"content_type": 1}, {"content_type": 2})
    ]
    everything = len(PHOTOS) + len(SPECIAL)
    assert totals == [everything, 0, everything, 0]


# --- the other methods and the images --------------------------------------------------------------------------


def test_get_exif_and_its_failures(sandbox: Sandbox) -> None:
    photo = PHOTOS[3]
    answer = get(sandbox, "flickr.photos.getExif", photo_id=photo.id, secret=photo.secret).json()
    assert (answer["photo"]["exif"], answer["photo"]["camera"], answer["stat"]) == (EXIF, "D750", "ok")
    cases = [
        ({"photo_id": SPECIAL["hidden"].id}, 2),
        ({"photo_id": SPECIAL["deleted"].id}, 1),
        ({"photo_id": photo.id, "secret": "0"}, 1),
        ({"photo_id": 7}, 1),
        ({"photo_id": "٣"}, 1),
        ({"photo_id": "9" * 5_000}, 1),
        ({}, 1),
    ]
    codes = [get(sandbox, "flickr.photos.getExif", **arguments).json()["code"] for arguments, _ in cases]
    assert codes == [code for _, code in cases]


def test_get_info_and_licenses(sandbox: Sandbox) -> None:
    photo = PHOTOS[16]
    info = get(sandbox, "flickr.photos.getInfo", photo_id=photo.id).json()["photo"]
    assert (info["license"], info["owner"]["nsid"], info["owner"]["username"]) == ("16", photo.owner, "Ä & <b>")
    assert info["dates"]["taken"] == "2024-08-01 00:00:37"
    licenses = get(sandbox, "flickr.photos.licenses.getInfo").json()["licenses"]["license"]
    assert [entry["id"] for entry in licenses] == list(range(17))
    assert next(entry["name"] for entry in licenses if entry["id"] == 4) == "CC BY 2.0"


def test_every_size_of_get_sizes_is_served_and_nothing_else(sandbox: Sandbox) -> None:
    photo, small = PHOTOS[5], SPECIAL["small"]
    answer = get(sandbox, "flickr.photos.getSizes", photo_id=photo.id).json()["sizes"]
    served = [requests.get(size["source"], timeout=30) for size in answer["size"]]
    assert [image.content for image in served] == [b"\xff\xd8" + f"{photo.id} {s}".encode() * 100 for s in "mzclo"]
    assert {image.headers["Content-Type"] for image in served} == {"image/jpeg"}
    names = [
        f"65535/{photo.id}_{photo.secret}_o.jpg",  # the original has a secret of its own
        f"65535/{photo.id}_0000000000_b.jpg",
        f"1/{photo.id}_{photo.secret}_b.jpg",
        f"65535/{photo.id}_{photo.secret}_q.jpg",
        f"65535/{small.id}_{small.secret}_b.jpg",
        f"65535/{SPECIAL['deleted'].id}_{SPECIAL['deleted'].secret}_b.jpg",
        "65535/1_0_b.jpg",
        "",
        "../../etc/passwd",
    ]
    missing = [requests.get(f"{sandbox.base}/{name}", timeout=30) for name in names]
    assert {(image.status_code, image.content) for image in missing} == {(404, b"")}


# --- faults ----------------------------------------------------------------------------------------------------

API_CODES = {"105": 105, "106": 106, "0": 0, "201": 201, "10": 10}
API_CODES |= {f"undocumented-{code}": code for code in (0, 429, 502)}
PROBLEMS = {"nonce": "nonce_used", "timestamp": "timestamp_refused"}
STATUS = {"429": 429, "429-date": 429, "500": 500, "502": 502, "503": 503, "html": 200}
STATUS |= {f"cdn-{status}": status for status in (401, 403, 404)}


WRONG = {*MISTOLD, *MISTAKEN} - {"no-total"}


@pytest.mark.parametrize("kind", [kind for kind in SEARCH_KINDS if kind not in WRONG])
def test_each_fault_of_the_api_is_seen_by_a_client(kind: str) -> None:
    with Sandbox(ListPopulation(PHOTOS), faults=Faults({kind: 1.0})) as sandbox:
        if kind in ("drop", "stall", "truncated"):
            with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)) as broken:
                search(sandbox, **WINDOW)
            assert ("IncompleteRead" in str(broken.value)) == (kind == "truncated")
        else:
            answer = get(sandbox, "flickr.photos.search", **WINDOW)
            assert answer.headers["X-Sandbox-Population"] == "simulated"
            if kind in API_CODES:
                assert (answer.status_code, answer.json()["code"]) == (200, API_CODES[kind])
            elif kind in PROBLEMS:
                assert (answer.status_code, answer.text) == (401, f"oauth_problem={PROBLEMS[kind]}")
            elif kind == "empty":
                assert (answer.status_code, answer.content) == (200, b"")
            elif kind == "xml":
                assert ElementTree.fromstring(answer.content).attrib == {"stat": "ok"}
            elif kind == "no-total":
                empty = get(sandbox, "flickr.photos.search", **WINDOW | {"license": "99"}).json()["photos"]
                assert (empty["total"], empty["photo"]) == ("", [])
                assert answer.json()["photos"]["total"] > 0
            else:
                assert (answer.status_code, answer.text[:15]) == (STATUS[kind], "<!DOCTYPE html>")
            if kind == "429":
                assert answer.headers["Retry-After"] == "1"
            if kind == "429-date":
                assert parsedate_to_datetime(answer.headers["Retry-After"]).tzinfo is UTC
    assert (sandbox.calls, sandbox.attempts) == ([], 2 if kind == "no-total" else 1)


MINUTE = {"min_taken_date": "2024-08-01 00:01:00", "max_taken_date": "2024-08-01 00:01:59"}
FIVE_MINUTES = {"min_taken_date": "2024-08-01 00:00:00", "max_taken_date": "2024-08-01 00:04:59"}


@pytest.mark.parametrize(
    ("kind", "asked", "told", "share"),
    [
        ("total-low", {}, {}, 0.8),
        ("total-high", {}, {}, 1.25),
        ("page-empty", {"page": 2}, {"page": 9}, 1),
        ("page-repeated", {"page": 2}, {"page": 1}, 1),
        ("page-repeated", {"page": 1}, {"page": 1}, 1),
        ("licences-empty", {"license": "4,5"}, {"license": "99"}, 1),
        ("licences-empty", {"license": "4"}, {"license": "4"}, 1),
        ("time-coarse", MINUTE, FIVE_MINUTES, 1),
    ],
)
def test_a_wrong_search_is_the_answer_to_another(
    kind: str, asked: dict[str, Any], told: dict[str, Any], share: float
) -> None:
    common = WINDOW | {"per_page": 50}
    with Sandbox(ListPopulation(PHOTOS), faults=Faults({kind: 1.0})) as wrong, Sandbox(ListPopulation(PHOTOS)) as right:
        answer, truth = search(wrong, **common | asked), search(right, **common | told)
    assert ids(answer) == ids(truth)
    assert answer["photos"]["total"] == int(truth["photos"]["total"] * share)


@pytest.mark.parametrize(("kind", "status"), [("image-429", 429), ("image-403", 403), ("image-truncated", 0)])
def test_each_transient_fault_of_the_images_is_seen_by_a_client(kind: str, status: int) -> None:
    with Sandbox(ListPopulation(PHOTOS), faults=Faults({kind: 1.0})) as sandbox:
        url = f"{sandbox.base}/65535/{PHOTOS[1].id}_{PHOTOS[1].secret}_b.jpg"
        if status:
            assert requests.get(url, timeout=30).status_code == status
        else:
            with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
                requests.get(url, timeout=30)
    assert sandbox.image_requests == 1


def test_an_unavailable_image_stays_so_and_ends_at_a_gif() -> None:
    with Sandbox(ListPopulation(PHOTOS), faults=Faults({"image-unavailable": 0.5})) as sandbox:
        urls = [f"{sandbox.base}/65535/{p.id}_{p.secret}_b.jpg" for p in PHOTOS[:30]]
        first, again = ([requests.get(url, timeout=30) for url in urls] for _ in range(2))
    assert [answer.content for answer in first] == [answer.content for answer in again]
    gone = [answer for answer in first if answer.history]
    assert 0 < len(gone) < len(urls)
    for answer in gone:
        assert answer.url.endswith("/photo_unavailable.gif")
        assert (answer.history[0].status_code, answer.headers["Content-Type"]) == (302, "image/gif")
        assert answer.content.startswith(b"GIF89a")


@pytest.mark.parametrize(("kind", "code"), [("image-private", 2), ("image-deleted", 1)])
def test_a_photo_that_is_kept_back_is_so_in_every_size_and_for_ever(kind: str, code: int) -> None:
    photos = [make_photo(number, media="photo", safe=True) for number in range(30)]
    with Sandbox(ListPopulation(photos), faults=Faults({kind: 0.5})) as sandbox:
        entries = search(sandbox, **WINDOW, per_page=500, extras="url_o,url_l,url_m")["photos"]["photo"]
        statuses = {
            entry["id"]: {
                requests.get(entry[f"url_{size}"], timeout=30).status_code for size in "olm" for _ in range(2)
            }
            for entry in entries
        }
        infos = {entry["id"]: get(sandbox, "flickr.photos.getInfo", photo_id=entry["id"]).json() for entry in entries}
    kept_back = {photo_id for photo_id, answers in statuses.items() if answers == {403}}
    assert 0 < len(kept_back) < len(photos) == len(statuses)
    assert all(statuses[photo_id] == {200} for photo_id in statuses.keys() - kept_back)
    assert {photo_id for photo_id, info in infos.items() if info.get("code") == code} == kept_back
    assert {photo_id for photo_id, info in infos.items() if info["stat"] == "ok"} == statuses.keys() - kept_back


def test_a_plain_share_draws_every_transient_kind_about_as_often_as_asked() -> None:
    faults = Faults(0.2)
    drawn = [faults.of_call("flickr.photos.search", number) for number in range(20_000)]
    assert set(drawn) == {None, *SEARCH_KINDS}
    assert abs(sum(kind is not None for kind in drawn) / 20_000 - 0.2) < 0.015  # five standard deviations
    assert {faults.of_call("flickr.photos.getExif", number) for number in range(20_000)} == {None, *API_KINDS}
    assert {faults.of_image("/1/1_1_b.jpg", number) for number in range(2_000)} == {None, *IMAGE_KINDS}
    assert set(KINDS) == {*SEARCH_KINDS, *IMAGE_KINDS, *PERMANENT}
    assert drawn == [Faults(0.2).of_call("flickr.photos.search", number) for number in range(20_000)]
    assert drawn != [Faults(0.2, seed=1).of_call("flickr.photos.search", number) for number in range(20_000)]


def test_a_call_that_failed_succeeds_when_asked_again_and_only_that_one_is_recorded() -> None:
    with Sandbox(ListPopulation(PHOTOS), faults=Faults({"500": 0.5})) as sandbox:
        statuses = [get(sandbox, "flickr.photos.getExif", photo_id=PHOTOS[1].id).status_code for _ in range(40)]
    assert set(statuses) == {200, 500}
    assert (len(sandbox.calls), sandbox.attempts) == (statuses.count(200), 40)
    method, arguments = sandbox.calls[0]
    assert (method, arguments["photo_id"]) == ("flickr.photos.getExif", str(PHOTOS[1].id))


def test_parse_faults() -> None:
    assert parse_faults("0.2") == Faults(0.2)
    assert parse_faults("429=0.1, image-403=0.05", 3) == Faults({"429": 0.1, "image-403": 0.05}, 3)


@pytest.mark.parametrize(
    "text", ["", "x", "1.5", "-0.1", "nan", "429=2", "418=0.1", "429", "429=0.1=2", "500=0.6,502=0.6"]
)
def test_faults_that_cannot_be(text: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_faults(text)
    assert error.value.hint


# --- the server itself -----------------------------------------------------------------------------------------


def test_many_signed_clients_at_once_are_all_counted(sandbox: Sandbox) -> None:
    before, attempts = len(sandbox.calls), sandbox.attempts

    def crawl(worker: int) -> list[str]:
        with requests.Session() as session:
            api = flickr(sandbox, session)
            return [api.photos.getExif(photo_id=p.id)["photo"]["id"] for p in PHOTOS[worker * 25 :][:25]]

    with ThreadPoolExecutor(8) as pool:
        answered = [photo_id for part in pool.map(crawl, range(8)) for photo_id in part]
    assert answered == [str(photo.id) for photo in PHOTOS[:200]]
    recorded = [arguments["photo_id"] for _, arguments in sandbox.calls[before:]]
    assert sorted(recorded) == sorted(answered)
    assert sandbox.attempts - attempts == 200


def test_closing_ends_kept_connections_and_leaves_no_thread() -> None:
    threads = threading.active_count()
    with requests.Session() as session:
        with Sandbox(ListPopulation(PHOTOS)) as sandbox:
            assert session.get(sandbox.base, timeout=30).status_code == 404
            assert threading.active_count() > threads
            with socket.create_connection(("127.0.0.1", sandbox.port)) as silent:
                assert session.get(sandbox.base, timeout=30).headers["X-Sandbox-Population"] == "simulated"
                silent.sendall(b"GET / HT")
        assert threading.active_count() == threads
        with pytest.raises(requests.ConnectionError):
            session.get(sandbox.base, timeout=30)


def test_a_taken_port_is_one_clear_sentence(sandbox: Sandbox) -> None:
    for port in (sandbox.port, 70_000):
        with pytest.raises(UsageError, match=rf"^Port {port} .*--port"), Sandbox(ListPopulation(PHOTOS), port=port):
            pass


def test_serve_says_where_and_ends_quietly_on_ctrl_c() -> None:
    program = (
        "from tests.populations import ListPopulation\nfrom tests.test_sandbox import PHOTOS\n"
        "from flickrexif.collectors.sandbox.server import serve\n"
        "serve(ListPopulation(PHOTOS), 0, None, 0.0, lambda text: print(text, flush=True))"
    )
    command = [sys.executable, "-W", "error", "-c", program]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        address = re.search(r"http://127\.0\.0\.1:\d+/services/rest/", process.stdout.readline())
        assert address
        assert requests.get(address[0], params=parse_qs("api_key=sandbox&format=json"), timeout=30).ok
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")
