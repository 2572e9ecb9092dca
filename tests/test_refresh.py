"""Asking again: what is gone, private or relicensed goes; an answer that is not definite takes nothing."""

import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flickrexif
from flickrexif.cards import check_card, write_card
from flickrexif.collectors.crawl import CrawlSettings
from flickrexif.collectors.flickr.client import KeyRefused, Unanswered
from flickrexif.collectors.flickr.credentials import SANDBOX, Credentials
from flickrexif.collectors.journal import open_journal, read_journal
from flickrexif.collectors.progress import CrawlProgress
from flickrexif.collectors.sandbox import answers
from flickrexif.collectors.sandbox.faults import Faults
from flickrexif.collectors.sandbox.search import Failure
from flickrexif.collectors.sandbox.server import Sandbox
from flickrexif.collectors.session import Service, crawl_into, journal_path
from flickrexif.commands import takedown
from flickrexif.commands.build import build_dataset
from flickrexif.core.errors import FlickrExifError, Interrupted, UsageError
from flickrexif.core.folder import DataFolder
from flickrexif.core.takedowns import read_takedowns, takedown_path
from flickrexif.takedown.refresh import FEWEST, VERDICTS, RefreshReport, due, refresh, verdict_of
from tests.populations import make_photo
from tests.test_session import Cameras

MONTH = "2024-08"
COUNT = 30
DAY = 86_400.0
PHOTOS = [make_photo(n, license=4, media="photo", safe=True, owner=f"{n}@N01") for n in range(COUNT)]
IDS = [photo.id for photo in PHOTOS]


class Changing(Cameras):
    """Photos that are changed or taken away after they were crawled."""

    def change(self, photo_id: int, **changes: Any) -> None:
        self.photos = [replace(photo, **changes) if photo.id == photo_id else photo for photo in self.photos]

    def delete(self, photo_id: int) -> None:
        self.photos = [photo for photo in self.photos if photo.id != photo_id]


@pytest.fixture
def population() -> Changing:
    return Changing(PHOTOS)


@pytest.fixture
def sandbox(population: Changing) -> Iterator[Sandbox]:
    with Sandbox(population) as running:
        yield running


@pytest.fixture
def data(tmp_path: Path, sandbox: Sandbox) -> Path:
    """A data set of all photos."""
    wanted = CrawlSettings(target=COUNT, minimum=0)
    crawl_into(tmp_path / "data", [MONTH], wanted, service(sandbox, 10**6), CrawlProgress(), threading.Event())
    build_dataset(tmp_path / "data")
    sandbox.calls.clear()
    return tmp_path / "data"


def service(sandbox: Sandbox | str, calls: int | None = None, credentials: Credentials = SANDBOX) -> Service:
    endpoint = sandbox if isinstance(sandbox, str) else sandbox.endpoint
    return Service(endpoint=endpoint, credentials=credentials, calls_per_hour=calls)


def ask(data: Path, sandbox: Sandbox | Service, months: list[str] | None = None, **options: Any) -> RefreshReport:
    called = sandbox if isinstance(sandbox, Service) else service(sandbox)
    return refresh(data, months, called, options.pop("stop", threading.Event()), lambda *_: None, **options)


def asked(sandbox: Sandbox) -> list[int]:
    """The photos that getInfo was asked for, as the server saw it."""
    return sorted(int(told["photo_id"]) for method, told in sandbox.calls if method == "flickr.photos.getInfo")


def labelled(data: Path) -> set[int]:
    files = (data / "flickrexif/labels").glob("*.parquet")
    return {one for file in files for one in pq.read_table(file)["Flickr ID"].to_pylist()}


def private(monkeypatch: pytest.MonkeyPatch, *ids: int) -> None:
    """The server tells that these are not public, as it does to their owner."""

    def get_info(population: Any, arguments: Mapping[str, str], base: str) -> dict[str, Any]:
        answer = answers.get_info(population, arguments, base)
        if int(arguments["photo_id"]) in ids:
            answer["photo"]["visibility"] = {"ispublic": 0, "isfriend": 1, "isfamily": 0}
        return answer

    monkeypatch.setitem(answers.METHODS, "flickr.photos.getInfo", get_info)


def refused(monkeypatch: pytest.MonkeyPatch, code: int, *ids: int) -> None:
    """The server fails on these with a code."""

    def get_info(population: Any, arguments: Mapping[str, str], base: str) -> dict[str, Any]:
        if int(arguments["photo_id"]) in ids:
            raise Failure(code, "No")
        return answers.get_info(population, arguments, base)

    monkeypatch.setitem(answers.METHODS, "flickr.photos.getInfo", get_info)


# --- verdicts --------------------------------------------------------------------------------------------------


def test_each_photo_gets_its_verdict(
    data: Path, sandbox: Sandbox, population: Changing, monkeypatch: pytest.MonkeyPatch
) -> None:
    population.delete(IDS[3])
    population.change(IDS[5], exif_access="deleted")
    population.change(IDS[7], license=0)
    population.change(IDS[8], license=5)
    private(monkeypatch, IDS[9])
    report = ask(data, sandbox)
    assert report.going == {
        "gone": (IDS[3], IDS[5]),
        "private": (IDS[9],),
        "license_changed": (IDS[7], IDS[8]),
    }
    assert report.verdicts == {"ok": COUNT - 5, "gone": 2, "private": 1, "license_changed": 2}
    assert (report.photos, report.asked) == (COUNT, COUNT)
    assert asked(sandbox) == IDS
    assert labelled(data) == set(IDS)  # nothing is removed by asking


@pytest.mark.parametrize(("code", "verdict"), [(1, "gone"), (2, "private"), (116, "unclear"), (7, "unclear")])
def test_only_definite_codes_count(
    data: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, code: int, verdict: str
) -> None:
    refused(monkeypatch, code, IDS[4])
    report = ask(data, sandbox)
    assert report.verdicts == {"ok": COUNT - 1, verdict: 1}
    sandbox.calls.clear()
    assert ask(data, sandbox).verdicts == report.verdicts
    assert set(asked(sandbox)) == ({IDS[4]} if verdict == "unclear" else set())  # no definite answer is asked for again


GOOD = {"id": "5", "license": "4", "visibility": {"ispublic": 1}}


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "ok"),
        ({"license": 4, "visibility": {"ispublic": "1"}}, "ok"),
        ({"visibility": {"ispublic": 0}}, "private"),
        ({"visibility": {"ispublic": "0"}, "license": "0"}, "private"),
        ({"license": "0"}, "license_changed"),
        ({"license": 99}, "license_changed"),
        ({"license": None}, "unclear"),
        ({"license": "?"}, "unclear"),
        ({"visibility": None}, "unclear"),
        ({"visibility": []}, "unclear"),
        ({"visibility": {}}, "unclear"),
        ({"id": "6"}, "unclear"),
        ({"id": None}, "unclear"),
    ],
)
def test_an_answer_that_lacks_a_part_says_nothing(changes: dict[str, Any], verdict: str) -> None:
    assert verdict_of({"photo": GOOD | changes}, 5, 4) == verdict


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.sampled_from(["ispublic", "x"]), values),
    max_leaves=6,
)


@settings(deadline=None)
@given(photo=st.dictionaries(st.sampled_from(["id", "license", "visibility"]), json_values))
def test_any_answer_has_a_verdict(photo: dict[str, Any]) -> None:
    assert verdict_of({"photo": photo}, 5, 4) in VERDICTS


# --- what is asked ---------------------------------------------------------------------------------------------


def test_photos_asked_of_late_are_not_asked_again(data: Path, sandbox: Sandbox) -> None:
    now = 1_800_000_000.0
    ask(data, sandbox, now=lambda: now)
    sandbox.calls.clear()
    assert ask(data, sandbox, now=lambda: now + 0.9 * DAY).asked == 0
    assert sandbox.calls == []  # not even who the server is
    assert ask(data, sandbox, now=lambda: now + 1.1 * DAY).asked == COUNT
    assert asked(sandbox) == IDS
    assert ask(data, sandbox, now=lambda: now + 1.1 * DAY, older_than=0).asked == COUNT
    assert ask(data, sandbox, now=lambda: now + 9 * DAY, older_than=30).asked == 0


def test_what_an_earlier_run_learnt_is_told_again(data: Path, sandbox: Sandbox, population: Changing) -> None:
    population.delete(IDS[3])
    report = ask(data, sandbox)
    again = ask(data, sandbox)
    assert (again.going, again.verdicts, again.asked) == (report.going, report.verdicts, 0)
    now = ask(data, sandbox, older_than=0)
    assert (now.going, now.asked) == (report.going, COUNT)


def test_those_longest_unasked_come_first(data: Path, sandbox: Sandbox) -> None:
    with open_journal(journal_path(data)) as journal:
        for place, photo_id in enumerate(IDS[:10]):
            journal.add_check(photo_id, 1_000.0 - place, "ok")
    assert due(data, None, 1.0, 1_800_000_000.0).asked == (*IDS[10:], *reversed(IDS[:10]))


def test_months_choose(data: Path, sandbox: Sandbox) -> None:
    assert ask(data, sandbox, [MONTH]).asked == COUNT
    with pytest.raises(FlickrExifError, match="There is no photo to ask for"):
        ask(data, sandbox, ["2024-07"])


def test_a_data_set_without_a_journal_is_asked_for_too(data: Path, sandbox: Sandbox, population: Changing) -> None:
    """One that was fetched from the Hub: labels and collection.json alone."""
    for path in (data / "flickrexif/.crawl").iterdir():
        path.unlink()
    population.change(IDS[0], license=6)
    assert ask(data, sandbox).going == {"license_changed": (IDS[0],)}
    assert asked(sandbox) == IDS


def test_photos_crawled_and_not_built_are_asked_for_too(data: Path, sandbox: Sandbox) -> None:
    for path in (data / "flickrexif/labels").iterdir():
        path.unlink()
    assert ask(data, sandbox).asked == COUNT


def test_nothing_to_ask(tmp_path: Path, sandbox: Sandbox) -> None:
    with pytest.raises(FlickrExifError, match=r"There is no data set in .*Make one with: flickrexif crawl"):
        ask(tmp_path / "data", sandbox)
    assert not (tmp_path / "data").exists()
    with pytest.raises(FlickrExifError, match="There is no photo to ask for"):
        due(tmp_path / "data", None, 1.0, 0.0)


# --- the key's hour, and dates ---------------------------------------------------------------------------------


def test_calls_count_against_the_hour_of_the_crawl_and_are_of_no_month(data: Path, sandbox: Sandbox) -> None:
    with read_journal(journal_path(data)) as journal:
        spent, span = sum(sum(methods.values()) for methods in journal.calls().values()), journal.call_span()
        before = journal.calls()[MONTH]
    stop = threading.Event()
    stop.set()  # any wait ends the run
    with pytest.raises(Interrupted):
        ask(data, service(sandbox, spent + 12), stop=stop)
    assert len(sandbox.calls) == 12  # one of them asked who the server is
    with read_journal(journal_path(data)) as journal:
        assert journal.calls()[MONTH] == before
        assert journal.call_span() == span
    assert ask(data, sandbox).asked == COUNT - 11  # it goes on
    assert asked(sandbox) == IDS


# --- a server that fails ---------------------------------------------------------------------------------------


def test_a_flaky_server_changes_no_verdict(data: Path, sandbox: Sandbox, population: Changing) -> None:
    population.delete(IDS[3])
    sandbox.faults = Faults({"429": 0.1, "500": 0.1, "html": 0.1})
    report = ask(data, sandbox)
    assert report.going == {"gone": (IDS[3],)}
    assert report.verdicts == {"ok": COUNT - 1, "gone": 1}
    assert sandbox.attempts > len(sandbox.calls) + COUNT // 10


def test_an_outage_takes_nothing_and_keeps_what_was_learnt(
    data: Path, sandbox: Sandbox, population: Changing, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(data, sandbox)
    for photo_id in IDS[:4]:
        population.delete(photo_id)
    sandbox.faults = Faults({"500": 1.0})
    with pytest.raises(Unanswered):
        ask(data, sandbox, older_than=0)
    with read_journal(journal_path(data)) as journal:
        assert {verdict for _, verdict in journal.checks().values()} == {"ok"}
    key(monkeypatch)
    code, out, err = run("refresh", "--data-dir", data, "--endpoint", sandbox.endpoint, "--older-than", 0)
    assert (code, out) == (1, "")
    assert "it goes on where it stopped" in err
    assert labelled(data) == set(IDS)


def test_a_refused_key_takes_nothing(data: Path, sandbox: Sandbox) -> None:
    with pytest.raises(KeyRefused):
        ask(data, service(sandbox, credentials=Credentials("wrong")))
    with read_journal(journal_path(data)) as journal:
        assert journal.checks() == {}


def test_another_server_is_refused(data: Path, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has none of the photos: all would be gone."""
    other = Changing([])
    other.name = "photos"
    with Sandbox(other) as wrong:
        message = r"came from sandbox:simulated, and this server has those of sandbox:photos\. Leave out --endpoint"
        with pytest.raises(UsageError, match=message):
            ask(data, wrong)
        assert asked(wrong) == []


@pytest.mark.parametrize(
    ("verdicts", "going", "doubtful"),
    [
        ({"ok": 10, "gone": 11}, 11, True),
        ({"ok": 10, "gone": 10}, 10, False),
        ({"gone": FEWEST - 1}, FEWEST - 1, False),
        ({"gone": FEWEST}, FEWEST, True),
        ({"ok": 8, "gone": 4, "license_changed": 5, "private": 4}, 13, True),
        ({"gone": FEWEST - 1, "unclear": 100}, FEWEST - 1, False),
    ],
)
def test_many_gone_at_once_are_doubted(verdicts: dict[str, int], going: int, doubtful: bool) -> None:
    report = RefreshReport(photos=99, asked=99, verdicts=verdicts, going={"gone": tuple(range(going))})
    assert report.doubtful is doubtful


# --- the command -----------------------------------------------------------------------------------------------


def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLICKR_API_KEY", "sandbox")
    monkeypatch.setenv("FLICKR_API_SECRET", "sandbox")


def test_what_must_go_is_forgotten_and_does_not_come_back(
    data: Path, sandbox: Sandbox, population: Changing, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    key(monkeypatch)
    population.delete(IDS[3])
    population.change(IDS[7], license=5)
    private(monkeypatch, IDS[9])
    command = ("refresh", "--data-dir", data, "--endpoint", sandbox.endpoint)
    code, out, err = run(*command)
    assert code == 0, err
    assert labelled(data) == set(IDS) - {IDS[3], IDS[7], IDS[9]}
    assert f"No longer to be shown: {IDS[3]}, {IDS[9]}, {IDS[7]}" in out
    assert "2 new on the list of takedowns" in out
    listed = read_takedowns(takedown_path(data / "flickrexif"))
    assert sorted(line.reason for line in listed.lines) == ["refresh: gone", "refresh: private"]
    with read_journal(journal_path(data)) as journal:
        assert journal.holds([IDS[3], IDS[7], IDS[9]]) == 0
        assert set(journal.checks()) == set(IDS) - {IDS[3], IDS[7], IDS[9]}
    population.photos = list(PHOTOS)  # they are public again
    wanted = CrawlSettings(target=COUNT + 5, minimum=0)
    crawl_into(data, [MONTH], wanted, service(sandbox), CrawlProgress(), threading.Event())
    build_dataset(data)
    assert labelled(data) == set(IDS) - {IDS[3], IDS[7], IDS[9]}
    code, out, _ = run(*command)
    assert code == 0
    assert "No longer" not in out


def test_when_most_are_gone_nothing_is_forgotten_without_yes(
    data: Path, sandbox: Sandbox, population: Changing, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    key(monkeypatch)
    for photo_id in IDS[: COUNT // 2 + 1]:
        population.delete(photo_id)
    command = ("refresh", "--data-dir", data, "--endpoint", sandbox.endpoint)
    code, _, err = run(*command)
    assert code == 1
    assert "More than half of the photos would be forgotten; nothing was." in err
    assert "add --yes" in err
    assert labelled(data) == set(IDS)
    assert not takedown_path(data / "flickrexif").exists()
    sandbox.calls.clear()
    code, _, _ = run(*command, "--yes")
    assert code == 0
    assert asked(sandbox) == []  # what was learnt is used
    assert labelled(data) == set(IDS[COUNT // 2 + 1 :])


def test_a_dry_run_calls_nothing(data: Path, sandbox: Sandbox, run: Any) -> None:
    code, out, _ = run("refresh", "--data-dir", data, "--dry-run", "--calls-per-hour", 10)
    assert (code, out) == (0, f"{COUNT} photos, {COUNT} of them to ask: 3.0 hours at 10 calls an hour.\n")
    assert sandbox.calls == []


def test_a_command_that_writes_is_one_sentence(
    data: Path, sandbox: Sandbox, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    key(monkeypatch)
    with DataFolder(data).writing("crawl"):
        code, out, err = run("refresh", "--data-dir", data, "--endpoint", sandbox.endpoint)
    assert (code, out) == (2, "")
    assert "`flickrexif crawl`" in err
    assert sandbox.calls == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--month", "2024-13"), "is no month"),
        (("--month", "2024-08", "--to", "2024-09"), "were both given"),
        (("--data-dir", "nowhere"), "There is no data set"),
    ],
)
def test_bad_input_is_one_sentence(
    data: Path, run: Any, sandbox: Sandbox, options: tuple[str, ...], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    key(monkeypatch)
    monkeypatch.chdir(data)
    code, out, err = run("refresh", "--data-dir", data, "--endpoint", sandbox.endpoint, *options)
    assert code in (1, 2)
    assert out == ""
    assert sentence in err
    assert sandbox.calls == []
    assert not (data / "nowhere").exists()


def test_a_call_that_ended_before_the_card_was_written_is_completed_by_the_next(
    data: Path, sandbox: Sandbox, population: Changing, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_card(data / "flickrexif")
    population.delete(IDS[0])

    def ended(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(takedown, "_describe", ended)
        with pytest.raises(KeyboardInterrupt):
            flickrexif.refresh(data_dir=data, older_than=0, endpoint=sandbox.endpoint)
    assert IDS[0] not in labelled(data)
    assert check_card(data / "flickrexif") != []
    assert flickrexif.refresh(data_dir=data, older_than=0, endpoint=sandbox.endpoint).forgotten is None
    assert check_card(data / "flickrexif") == []
