"""The client against scripted answers over real HTTP, with a clock that only sleeping moves."""

import json
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flickrexif.collectors.flickr.budget import CallsOfKey
from flickrexif.collectors.flickr.client import (
    CODES,
    CallRefused,
    Client,
    EndOfWindow,
    Failure,
    KeyRefused,
    PhotoSkipped,
    Retry,
    Streak,
    Unanswered,
    attempts_for,
    backoff,
    meaning,
    read,
    retry_after_seconds,
)
from flickrexif.collectors.flickr.clock import SystemClock
from flickrexif.collectors.flickr.credentials import SANDBOX, Credentials, transport
from flickrexif.collectors.flickr.limiter import Limiter, Window
from flickrexif.collectors.flickr.transport import PlainTransport, Reply, SignedTransport, Transport
from flickrexif.collectors.sandbox.faults import Faults
from flickrexif.collectors.sandbox.server import Sandbox
from flickrexif.core.errors import FlickrExifError
from tests.clock import START, FakeClock
from tests.populations import EXIF as CAMERA
from tests.populations import ListPopulation, make_photo
from tests.scripted_server import AGENT, ScriptedServer, Stall, break_off, closed_port, hang_up

RETRY = Retry()
SEARCH, GET_EXIF = "flickr.photos.search", "flickr.photos.getExif"
UNAVAILABLE = "Sorry, the Flickr API service is not currently available."


def ok(answer: Mapping[str, Any], **headers: str) -> tuple[int, dict[str, str], bytes]:
    return 200, headers, json.dumps({**answer, "stat": "ok"}).encode()


def fail(code: object, message: object = "Words") -> tuple[int, dict[str, str], bytes]:
    return 200, {}, json.dumps({"stat": "fail", "code": code, "message": message}).encode()


EXIF = ok({"photo": {"id": "7", "exif": []}})
PAGE = ok({"photos": {"page": 1, "pages": 1, "total": "1", "photo": [{"id": "7", "owner": "1@N01"}]}})
CALLS: dict[str, Callable[[Client], object]] = {
    SEARCH: lambda client: client.search({"license": "4"}, 1),
    GET_EXIF: lambda client: client.get_exif(7),
    "flickr.photos.getInfo": lambda client: client.get_info(7),
    "flickr.photos.licenses.getInfo": lambda client: client.identify(),
}
ANSWERS = {
    SEARCH: PAGE,
    GET_EXIF: EXIF,
    "flickr.photos.getInfo": ok({"photo": {"id": "7"}}),
    "flickr.photos.licenses.getInfo": ok({"licenses": {"license": []}}),
}


class Bench:
    """A client of `endpoint`, its clock, and what it recorded."""

    def __init__(
        self,
        endpoint: str,
        retry: Retry = RETRY,
        windows: tuple[Window, ...] = (),
        sender: Transport | None = None,
    ) -> None:
        self.clock, self.recorded = FakeClock(), list[tuple[float, str]]()
        self.client = Client(
            sender or PlainTransport("key", endpoint, AGENT),
            Limiter(windows, self.clock),
            self.clock,
            random.Random(0),
            lambda time, method: self.recorded.append((time, method)),
            retry,
        )


# -- tried again --------------------------------------------------------------------------------------------------

PASSING = {
    "429": (429, {}, b"<html>Too many</html>"),
    "500": (500, {}, b""),
    "502": (502, {}, b"<html>"),
    "503": (503, {"Retry-After": "1"}, json.dumps({"stat": "fail", "code": 1}).encode()),
    "hung up": hang_up,
    "broken off": break_off,
    "html": (200, {}, b"<html>Flickr is having a massage</html>"),
    "empty": (200, {}, b""),
    "half": (200, {}, EXIF[2][:-9]),
    "list": (200, {}, b"[]"),
    "number": (200, {}, b"1"),
    "deep": (200, {}, b"[" * 200_000),
    "no stat": (200, {}, b"{}"),
    "no part": ok({}),
    "odd part": ok({"photo": [], "photos": "x", "sizes": 1, "licenses": None}),
    "no code": (200, {}, b'{"stat":"fail"}'),
    "105": fail(105),
    "105 as text": fail("105"),
    "0": fail(0, UNAVAILABLE),
    "201": fail(201, UNAVAILABLE),
    "106": fail(106, "Write operation failed"),
    "xml": (200, {"Content-Type": "text/xml"}, b'<?xml version="1.0"?><rsp stat="ok"/>'),
    "nonce": (401, {}, b"oauth_problem=nonce_used"),
    "timestamp": (401, {}, b"oauth_problem=timestamp_refused"),
    "a proxy's 401": (401, {}, b"<html>Authorization Required</html>"),
    "a CDN's 403": (403, {}, b"<html>The request could not be satisfied</html>"),
    "a CDN's 404": (404, {}, b"<html>"),
    "undocumented": fail(999, None),
    "undocumented 0": fail(0, ""),
}


@pytest.mark.parametrize("method", CALLS)
@pytest.mark.parametrize("answer", PASSING.values(), ids=PASSING)
def test_what_passes_is_tried_again(method: str, answer: Any) -> None:
    with ScriptedServer(answer, answer, ANSWERS[method]) as server:
        bench = Bench(server.endpoint)
        CALLS[method](bench.client)
    assert len(server.requests) == 3
    assert [recorded for _, recorded in bench.recorded] == [method] * 3  # every attempt counts, and counts first
    assert bench.clock.time > START


def test_search_retries_its_own_code_and_incomplete_pages() -> None:
    odd = [{}, {"total": "4"}, {"total": 4, "photo": None}]
    script = [fail(10), *(ok({"photos": photos}) for photos in odd), PAGE]
    with ScriptedServer(*script) as server:
        page = Bench(server.endpoint).client.search({}, 1)
    assert (page.total, [entry["id"] for entry in page.entries]) == (1, ["7"])
    assert len(server.requests) == len(script)


@pytest.mark.parametrize("total", [{"total": ""}, {"total": None}, {}, {"total": "many"}])
@pytest.mark.parametrize("entries", [[], [{"id": "7"}, {"id": "8"}]])
def test_a_search_without_a_total_is_an_answer(total: dict[str, object], entries: list[dict[str, str]]) -> None:
    with ScriptedServer(ok({"photos": {"page": 1, "pages": 0, **total, "photo": entries}})) as server:
        page = Bench(server.endpoint).client.search({}, 1)
    assert (page.total, list(page.entries)) == (len(entries), entries)
    assert len(server.requests) == 1


def test_silence_is_tried_again() -> None:
    stall = Stall(b"")
    with ScriptedServer(stall.answer, EXIF) as server:
        sender = PlainTransport("key", server.endpoint, AGENT, timeout=0.5)
        answer = Bench(server.endpoint, sender=sender).client.get_exif(7)
        stall.released.set()
    assert answer["photo"]["id"] == "7"


def test_every_attempt_is_signed_anew() -> None:
    with ScriptedServer((503, {}, b""), (200, {}, b"<html>"), EXIF) as server:
        sender = SignedTransport("key", "secret", server.endpoint, AGENT)
        Bench(server.endpoint, sender=sender).client.get_exif(7)
    assert len({headers["Authorization"] for _, _, headers, _ in server.requests}) == 3


def test_attempts_go_through_the_limiter() -> None:
    with ScriptedServer(*[(503, {}, b"")] * 4, EXIF) as server:
        bench = Bench(server.endpoint, Retry(base_seconds=0), (Window(1, 60),))
        bench.client.get_exif(7)
    assert [time - START for time, _ in bench.recorded] == pytest.approx([0, 60, 120, 180, 240], abs=1e-4)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("30", 30),
        (formatdate(START + 90, usegmt=True), 89.75),
        ("86400", 3600),
        (formatdate(START + 1e6, usegmt=True), 3600),
    ],
)
def test_retry_after_pauses_the_whole_client(header: str, seconds: float) -> None:
    with ScriptedServer((429, {"Retry-After": header}, b""), EXIF) as server:
        bench = Bench(server.endpoint, Retry(base_seconds=0))
        bench.client.get_exif(7)
    assert bench.clock.time - START == pytest.approx(seconds, abs=1e-3)


@pytest.mark.parametrize("status", [429, 503, 404])
@pytest.mark.parametrize("retry", [Retry(attempts=1), Retry(outage=1)], ids=["last attempt", "outage"])
def test_a_pause_of_the_server_holds_for_the_key_when_the_call_is_given_up(
    tmp_path: Path, status: int, retry: Retry
) -> None:
    calls = CallsOfKey(tmp_path / "key.sqlite")
    with ScriptedServer((status, {"Retry-After": "50"}, b"")) as server:
        bench = Bench(server.endpoint, retry)
        client = replace(bench.client, limiter=Limiter((), bench.clock, calls))
        with pytest.raises(FlickrExifError):
            client.get_exif(7)
    times = []
    Limiter((), bench.clock, calls).acquire(times.append)  # of another process
    assert times == [START + 50 * len(server.requests)]


def test_a_failure_of_one_caller_holds_back_the_others() -> None:
    with ScriptedServer((429, {"Retry-After": "50"}, b""), EXIF) as server:
        bench = Bench(server.endpoint, Retry(attempts=1))
        with pytest.raises(Unanswered):
            bench.client.get_exif(7)
        assert bench.clock.time == START
        bench.client.get_exif(8)
    assert bench.clock.time == START + 50


@settings(deadline=None)
@given(st.integers(0, 40), st.integers(0, 2**32), st.floats(0, 10), st.floats(0, 200))
def test_backoff_is_exponential_with_full_jitter(attempt: int, seed: int, base: float, most: float) -> None:
    retry = Retry(base_seconds=base, max_seconds=most)
    wait = backoff(retry, attempt, None, START, random.Random(seed))
    assert 0 <= wait <= min(most, base * 2**attempt)
    assert backoff(retry, attempt, "500", START, random.Random(seed)) == 500


def test_jitter_spreads_over_the_whole_range() -> None:
    rng = random.Random(1)
    waits = sorted(backoff(Retry(), 3, None, START, rng) for _ in range(4_000))
    assert [waits[999], waits[1999], waits[2999]] == pytest.approx([2, 4, 6], abs=0.3)


@settings(deadline=None)
@given(st.text() | st.floats().map(str) | st.integers().map(str))
def test_any_retry_after_gives_a_bounded_wait(text: str) -> None:
    assert 0 <= retry_after_seconds(text, START) <= 3600


@pytest.mark.parametrize(
    "text", ["", "soon", "nan", "-5", "Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 99 Oct 2015 07:28:00 GMT"]
)
def test_an_unreadable_or_past_retry_after_asks_for_nothing(text: str) -> None:
    assert retry_after_seconds(text, START) == 0


# -- given up -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "reached", "words"), [((503, {}, b""), True, "HTTP 503"), (hang_up, False, "broken connection")]
)
def test_exhausted_attempts_say_so(answer: Any, reached: bool, words: str) -> None:
    with ScriptedServer(answer) as server:
        bench = Bench(server.endpoint, Retry(attempts=4))
        with pytest.raises(Unanswered, match=words) as caught:
            bench.client.search({}, 1)
    assert (caught.value.reached, caught.value.exit_code) == (reached, 1)
    assert "4 attempts" in caught.value.message
    assert "run the same command again" in caught.value.hint
    assert len(server.requests) == 4
    assert bench.clock.time - START <= 1 + 2 + 4


def test_one_answer_among_silences_means_reached() -> None:
    with ScriptedServer(hang_up, (500, {}, b""), hang_up) as server, pytest.raises(Unanswered) as caught:
        Bench(server.endpoint, Retry(attempts=3)).client.search({}, 1)
    assert caught.value.reached


def test_a_server_that_is_gone() -> None:
    with pytest.raises(Unanswered, match="unreachable") as caught:
        Bench(f"http://127.0.0.1:{closed_port()}/").client.identify()
    assert not caught.value.reached


# -- refused ------------------------------------------------------------------------------------------------------


def refusal(method: str, answer: Any) -> FlickrExifError:
    """The error that `answer` leads to at once, without another attempt."""
    with ScriptedServer(answer, ANSWERS[method]) as server:
        bench = Bench(server.endpoint)
        with pytest.raises(FlickrExifError) as caught:
            CALLS[method](bench.client)
    assert len(server.requests) == 1
    assert bench.clock.time == START
    return caught.value


class Answers:
    """The answers of ANSWERS by method, or those that were put in place of them; counts the calls by method."""

    def __init__(self) -> None:
        self.answers, self.counts = dict(ANSWERS), Counter[str]()

    def answer(self, handler: Any, body: str) -> None:
        method = dict(parse_qsl(handler.path.partition("?")[2] + "&" + body))["method"]
        self.counts[method] += 1
        status, headers, content = self.answers[method]
        handler.send_response_only(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content)


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
def bench(answers: Answers) -> Iterator[Bench]:
    with ScriptedServer(answers.answer) as server:
        yield Bench(server.endpoint)


ADDRESS = "Check the address of the API; Flickr's is https://api.flickr.com/services/rest/"
KEY_HINT = "Check FLICKR_API_KEY and FLICKR_API_SECRET against https://www.flickr.com/services/apps/by/me"
KEY_CODES = {
    95: "Write https:// in the address of the API.",
    96: KEY_HINT,
    97: "Set FLICKR_API_SECRET too: the server wants signed calls.",
    98: KEY_HINT,
    99: KEY_HINT,
    100: KEY_HINT,
    112: ADDRESS,
    "100": KEY_HINT,
}


@pytest.mark.parametrize("method", CALLS)
@pytest.mark.parametrize(("code", "hint"), KEY_CODES.items())
def test_a_refusal_of_every_call_ends_the_run_and_says_what_to_type(method: str, code: object, hint: str) -> None:
    error = refusal(method, fail(code, "Words of Flickr's"))
    assert type(error) is KeyRefused
    assert f"code {code}, Words of Flickr's" in str(error)
    assert ("API key" in error.message) == (hint == KEY_HINT)
    assert error.hint == hint


@pytest.mark.parametrize("status", [400, 401, 403])
@pytest.mark.parametrize(
    ("problem", "hint"),
    [("signature_invalid", KEY_HINT), ("consumer_key_unknown", KEY_HINT), ("parameter_absent", ADDRESS)],
)
def test_an_oauth_refusal_names_its_reason_and_nothing_else(status: int, problem: str, hint: str) -> None:
    body = f"oauth_problem={problem}&debug_sbs=POST%26oauth_consumer_key%3Dsecret".encode()
    error = refusal(SEARCH, (status, {}, body))
    assert type(error) is KeyRefused
    assert f"HTTP {status}, oauth_problem={problem}." in str(error)
    assert "debug_sbs" not in str(error)
    assert error.hint == hint


def test_the_words_of_an_oauth_refusal_are_bounded() -> None:
    assert len(refusal(SEARCH, (401, {}, b"oauth_problem=" + b"x" * 10_000)).message) < 400


def test_a_code_counts_whatever_the_status() -> None:
    answer = (401, {}, fail(98, "Invalid auth token")[2])
    error = refusal(SEARCH, answer)
    assert type(error) is KeyRefused
    assert "code 98, HTTP 401, Invalid auth token" in error.message
    gone = refusal(GET_EXIF, (404, {}, fail(1, "Photo not found")[2]))
    assert isinstance(gone, PhotoSkipped)
    assert gone.code == 1


@pytest.mark.parametrize("answer", [fail(100), fail(112), (401, {}, b"oauth_problem=signature_invalid")])
def test_the_key_is_blamed_last_when_calls_succeeded(bench: Bench, answers: Answers, answer: Any) -> None:
    bench.client.get_exif(7)
    answers.answers[GET_EXIF] = answer
    with pytest.raises(KeyRefused):
        bench.client.get_exif(7)
    assert answers.counts == {GET_EXIF: 1 + RETRY.attempts}
    with ScriptedServer(EXIF, answer, answer, EXIF) as server:
        client = Bench(server.endpoint).client
        assert [client.get_exif(7)["photo"]["id"] for _ in range(2)] == ["7", "7"]


@pytest.mark.parametrize("method", CALLS)
@pytest.mark.parametrize(
    ("date", "words", "hint"),
    [
        (START - 7_200, "The clock of this machine is 120 minutes fast: ", "Set the clock, then run the same"),
        (START + 91 * 86_400, "The clock of this machine is 131,040 minutes slow: ", "Set the clock, then"),
        (START + 40, "though its own clock is that of this machine", "Wait a while, then run the same"),
        (None, "The clock of this machine is off: ", "Set the clock, then run the same command again"),
    ],
)
def test_a_clock_that_is_off(
    bench: Bench, answers: Answers, method: str, date: float | None, words: str, hint: str
) -> None:
    headers = {"Date": formatdate(date, usegmt=True)} if date else {}
    answers.answers[method] = (401, headers, b"oauth_problem=timestamp_refused")
    with pytest.raises(KeyRefused) as caught:
        CALLS[method](bench.client)
    assert words in caught.value.message
    assert "oauth_problem=timestamp_refused" in caught.value.message
    assert caught.value.hint.startswith(hint)
    assert answers.counts == {method: RETRY.doubtful}


@pytest.mark.parametrize("method", [GET_EXIF, "flickr.photos.getInfo"])
@pytest.mark.parametrize("code", [1, 2, 116])
def test_a_photo_that_is_gone_or_not_shared_is_skipped(method: str, code: int) -> None:
    error = refusal(method, fail(code, "Permission denied"))
    assert type(error) is PhotoSkipped
    assert error.code == code
    assert "Permission denied" in error.message


def test_a_page_past_the_last_is_the_end_of_the_window() -> None:
    assert type(refusal(SEARCH, fail(20, "Excessive photo offset in search"))) is EndOfWindow


@pytest.mark.parametrize("code", [1, 2, 3, 4, 5, 11, 18])
def test_a_search_that_flickr_documents_as_impossible_is_refused_at_once(code: int) -> None:
    error = refusal(SEARCH, fail(code, "Parameterless searches have been disabled"))
    assert type(error) is CallRefused
    assert error.code == code


LICENSES = "flickr.photos.licenses.getInfo"
ODD = [
    (fail(3, "Words"), 3),
    (fail(10, "not a search"), 10),
    (fail(20), 20),
    (fail(0, "Something else"), 0),
    (fail(201, "Something else"), 201),
    (fail(429, "Too many requests"), 429),
    (fail(999, None), 999),
    ((302, {"Location": "http://127.0.0.1:9/login"}, b""), 302),
    ((400, {}, b""), 400),
    ((401, {}, b""), 401),
    ((403, {}, b"<html>"), 403),
    ((404, {}, b"<html>"), 404),
    ((204, {}, b""), 204),
]


@pytest.mark.parametrize(("answer", "code"), ODD)
def test_a_refusal_without_a_documented_reason_is_final_when_it_stays(
    bench: Bench, answers: Answers, answer: Any, code: int
) -> None:
    """Three attempts, a call that shows that others are taken, and three more; no pause of minutes."""
    answers.answers[GET_EXIF] = answer
    with pytest.raises(CallRefused) as caught:
        bench.client.get_exif(7)
    assert caught.value.code == code
    assert str(code) in caught.value.message
    assert "run the same command again" in caught.value.hint
    assert answers.counts == {GET_EXIF: 6, LICENSES: 1}
    assert bench.clock.time - START <= 1 + 2 + 4 + 1 + 2


@pytest.mark.parametrize(("answer", "code"), ODD)
def test_a_refusal_of_all_calls_is_none_of_one_photo(bench: Bench, answers: Answers, answer: Any, code: int) -> None:
    answers.answers |= {GET_EXIF: answer, LICENSES: answer}
    with pytest.raises(Unanswered, match=f"refused {LICENSES}: .*{code}") as caught:
        bench.client.get_exif(7)
    assert caught.value.reached


def test_a_refusal_of_all_calls_that_ends_costs_no_photo(answers: Answers) -> None:
    blocked = (403, {}, b"<html>The request could not be satisfied</html>")
    with ScriptedServer(PAGE, *[blocked] * 9, ANSWERS[LICENSES], EXIF) as server:
        client = Bench(server.endpoint).client
        client.search({}, 1)
        assert client.get_exif(7)["photo"]["id"] == "7"
    assert len(server.requests) == 12


def test_failures_of_several_meanings_are_counted_apart() -> None:
    odd, down = fail(999), (503, {}, b"")
    with ScriptedServer(down, odd, down, odd, down, down, EXIF) as server:
        assert Bench(server.endpoint).client.get_exif(7)["photo"]["id"] == "7"
    with ScriptedServer(*[down] * 7, odd) as server, pytest.raises(Unanswered, match="8 attempts"):
        Bench(server.endpoint).client.search({}, 1)


@pytest.mark.parametrize("code", [111, 114, 115])
def test_an_address_of_another_kind_is_not_the_keys_fault(code: int) -> None:
    with ScriptedServer(fail(code, "Format not found")) as server, pytest.raises(CallRefused) as caught:
        Bench(server.endpoint).client.identify()
    assert caught.value.hint == ADDRESS
    assert len(server.requests) == RETRY.doubtful


PAGE_403, ODD_CODE, NO_REASON = Failure(403, None, "HTTP 403"), Failure(200, 999, "Words"), Failure(200, 0, "")
CLOCK = Failure(401, None, "", "timestamp_refused")
SIGNATURE, NONCE = Failure(401, None, "", "signature_invalid"), Failure(401, None, "", "nonce_used")


@pytest.mark.parametrize(
    ("failure", "method", "first", "later"),
    [
        # The attempts in all, before and after a call succeeded.
        (Failure(None, None, "timed out"), GET_EXIF, 8, 8),
        (Failure(429, None, "HTTP 429"), GET_EXIF, 8, 8),
        (Failure(503, 100, "HTTP 503"), GET_EXIF, 8, 8),
        (Failure(200, None, "no JSON"), GET_EXIF, 8, 8),
        (Failure(200, 105, "Unavailable"), GET_EXIF, 8, 8),
        (Failure(200, 10, "Search unavailable"), SEARCH, 8, 8),
        (Failure(200, 10, "Words"), GET_EXIF, 3, 3),
        (Failure(200, 0, UNAVAILABLE), GET_EXIF, 8, 8),
        (NONCE, GET_EXIF, 8, 8),
        (NONCE, SEARCH, 8, 8),
        (CLOCK, GET_EXIF, 3, 8),
        (CLOCK, SEARCH, 3, 8),
        (SIGNATURE, GET_EXIF, 1, 8),
        (SIGNATURE, SEARCH, 1, 8),
        (Failure(200, 95, "SSL is required"), SEARCH, 1, 8),
        (Failure(200, 100, "Invalid API Key"), GET_EXIF, 1, 8),
        (Failure(200, 112, "Method not found"), LICENSES, 1, 8),
        (PAGE_403, GET_EXIF, 3, 3),
        (PAGE_403, SEARCH, 3, 8),
        (PAGE_403, LICENSES, 3, 8),
        (ODD_CODE, GET_EXIF, 3, 3),
        (ODD_CODE, SEARCH, 3, 8),
        (NO_REASON, GET_EXIF, 3, 3),
        (Failure(200, 1, "Photo not found"), GET_EXIF, 1, 1),
        (Failure(200, 2, "Permission denied"), "flickr.photos.getInfo", 1, 1),
        (Failure(200, 1, "Too many tags"), SEARCH, 1, 1),
        (Failure(200, 20, "Offset too large"), SEARCH, 1, 1),
        (Failure(200, 1, "Words"), LICENSES, 3, 8),
    ],
)
def test_how_often_each_failure_is_tried(failure: Failure, method: str, first: int, later: int) -> None:
    assert attempts_for(method, failure, False, RETRY) == first
    assert attempts_for(method, failure, True, RETRY) == later


@given(
    st.sampled_from([*CALLS]),
    st.none() | st.integers(100, 599),
    st.none() | st.integers(-5, 600) | st.sampled_from([*CODES]),
    st.booleans(),
)
def test_every_failure_ends_after_some_attempts(
    method: str, status: int | None, code: int | None, succeeded: bool
) -> None:
    failure = Failure(status, code, "")
    attempts = attempts_for(method, failure, succeeded, RETRY)
    assert 1 <= attempts <= RETRY.attempts
    assert attempts > 1 or meaning(method, failure) in ("final", "key")


def test_a_servers_words_are_bounded_and_harmless() -> None:
    error = refusal(GET_EXIF, fail(1, "\x1b[31mred\r\n\u202e" + "x" * 10_000))
    assert len(error.message) < 400
    assert error.message.isprintable()


# -- answers ------------------------------------------------------------------------------------------------------


def sent(server: ScriptedServer) -> list[dict[str, str]]:
    fixed = ("api_key", "format", "nojsoncallback")
    queries = [dict(parse_qsl(path.partition("?")[2])) for _, path, _, _ in server.requests]
    return [{name: value for name, value in query.items() if name not in fixed} for query in queries]


def test_what_each_call_asks() -> None:
    for method, call in CALLS.items():
        with ScriptedServer(ANSWERS[method]) as server:
            call(Bench(server.endpoint).client)
        photo = {} if "photos.search" in method or "licenses" in method else {"photo_id": "7"}
        search = {"license": "4", "page": "1", "per_page": "500"} if method == SEARCH else {}
        assert sent(server) == [{"method": method, **photo, **search}]
    with ScriptedServer(EXIF) as server:
        Bench(server.endpoint).client.get_exif(7, "abc")
    assert sent(server) == [{"method": GET_EXIF, "photo_id": "7", "secret": "abc"}]


def test_an_answer_comes_back_as_sent() -> None:
    photo = {"id": "7", "exif": [{"tagspace": "IFD0", "tag": "Make", "raw": {"_content": "Ünï 🎉"}}]}
    with ScriptedServer(ok({"photo": photo})) as server:
        assert Bench(server.endpoint).client.get_exif(7) == {"photo": photo, "stat": "ok"}


def test_half_an_emoji_loses_one_character_not_the_page() -> None:
    body = b'\xef\xbb\xbf{"photo":{"title":"a\\ud83d b\\ud83c\\udf89","exif":[]},"stat":"ok"}'
    with ScriptedServer((200, {}, body)) as server:
        assert Bench(server.endpoint).client.get_exif(7)["photo"]["title"] == "a? b🎉"


def test_identify_names_the_server_and_its_licences() -> None:
    rows = [{"id": "0", "name": "All Rights Reserved", "url": ""}, {"id": 17, "name": "New"}, {"name": "x"}, "junk"]
    answer = ok({"licenses": {"license": rows}})
    with ScriptedServer(answer, (*answer[:1], {"X-Sandbox-Population": "simulated"}, answer[2])) as server:
        client = Bench(server.endpoint).client
        flickr, sandbox = client.identify(), client.identify()
    assert flickr.licenses == sandbox.licenses == {0: "All Rights Reserved", 17: "New"}
    assert (flickr.source, sandbox.source) == ("flickr", "sandbox:simulated")


@settings(deadline=None)
@given(st.binary(max_size=40) | st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists).map(str))
def test_no_body_whatever_breaks_the_reader(body: bytes | str) -> None:
    for method in CALLS:
        reply = Reply(200, {}, body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass"))
        assert isinstance(read(method, reply), Failure)


# -- against the embedded server ----------------------------------------------------------------------------------

signed_or_plain = pytest.mark.parametrize("credentials", [SANDBOX, Credentials("sandbox")], ids=["signed", "plain"])


@signed_or_plain
def test_every_photo_is_answered_though_a_third_of_the_answers_fail(credentials: Credentials) -> None:
    photos = [make_photo(number) for number in range(40)]
    with Sandbox(ListPopulation(photos), faults=Faults(1 / 3)) as sandbox:
        sender = transport(credentials, sandbox.endpoint, AGENT)
        bench = Bench(sandbox.endpoint, Retry(attempts=20), sender=sender)
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda photo: bench.client.get_exif(photo.id, photo.secret), photos))
    assert [answer["photo"]["id"] for answer in answers] == [str(photo.id) for photo in photos]
    assert all(answer["photo"]["exif"] == CAMERA for answer in answers)
    assert sorted(arguments["photo_id"] for _, arguments in sandbox.calls) == sorted(str(p.id) for p in photos)
    assert len(bench.recorded) == sandbox.attempts > len(photos)


@signed_or_plain
def test_all_methods(credentials: Credentials) -> None:
    photos = [make_photo(0, license=4, safe=True, media="photo"), make_photo(1, exif_access="hidden")]
    with Sandbox(ListPopulation(photos)) as sandbox:
        client = Bench(sandbox.endpoint, sender=transport(credentials, sandbox.endpoint, AGENT)).client
        identity = client.identify()
        window = {"min_taken_date": "2024-08-01 00:00:00", "max_taken_date": "2024-08-01 00:01:00", "license": "4"}
        page = client.search(window, 1)
        info = client.get_info(photos[0].id)["photo"]
        with pytest.raises(PhotoSkipped) as hidden:
            client.get_exif(photos[1].id)
        with pytest.raises(PhotoSkipped) as missing:
            client.get_exif(1)
    assert identity.source == "sandbox:simulated"
    assert identity.licenses[9] == "CC0 1.0"
    assert (page.total, [entry["id"] for entry in page.entries]) == (1, [str(photos[0].id)])
    assert info["owner"]["nsid"] == photos[0].owner
    assert (hidden.value.code, missing.value.code) == (2, 1)


@pytest.mark.parametrize(
    ("credentials", "words"),
    [
        (Credentials("sandbox", "wrong"), "oauth_problem=signature_invalid"),
        (Credentials("wrong", "sandbox"), "oauth_problem=consumer_key_unknown"),
        (Credentials("wrong"), "Invalid API Key"),
    ],
)
def test_a_wrong_key(credentials: Credentials, words: str) -> None:
    with Sandbox(ListPopulation([])) as sandbox, pytest.raises(KeyRefused, match=words):
        Bench(sandbox.endpoint, sender=transport(credentials, sandbox.endpoint, AGENT)).client.identify()
    assert sandbox.attempts == 1


def test_failures_that_were_under_way_together_count_once() -> None:
    streak = Streak()
    assert streak.failed(began=0.0, now=1.0) == 1
    assert [streak.failed(began=0.5, now=1.5) for _ in range(20)] == [1] * 20
    assert streak.failed(began=2.0, now=3.0) == 2
    streak.answered()
    assert streak.failed(began=3.5, now=4.0) == 1


def test_a_server_that_is_gone_is_given_up_by_all_threads_together() -> None:
    times: list[float] = []
    clock, retry = SystemClock(threading.Event()), Retry(base_seconds=0.001, max_seconds=0.01)
    sender = PlainTransport("key", f"http://127.0.0.1:{closed_port()}/", AGENT)
    client = Client(sender, Limiter((), clock), clock, random.Random(0), lambda at, _: times.append(at), retry)
    with ThreadPoolExecutor(16) as pool:
        futures = [pool.submit(client.get_exif, photo_id) for photo_id in range(200)]
    assert all(isinstance(future.exception(), Unanswered) for future in futures)
    assert len(times) < 2 * len(futures)  # by itself each would take 8 attempts
