"""The journal: what is committed stays, in order; what cannot be stored or opened is one sentence."""

import json
import random
import resource
import sqlite3
import subprocess
import sys
import zlib
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flickrexif.collectors.flickr.models import Image, SearchPhoto
from flickrexif.collectors.journal import ImageRecord, Journal, MonthState, open_journal, read_journal
from flickrexif.collectors.search import Answer
from flickrexif.core.errors import FlickrExifError

MONTH = "2024-08"
PHOTO = SearchPhoto(
    id=1,
    owner="1@N01",
    secret="5ec",
    owner_name="Jo",
    path_alias=None,
    title="One",
    media="photo",
    license_id=4,
    date_taken="2024-08-03 12:34:56",
    date_taken_granularity=0,
    date_taken_unknown=False,
    date_upload=1_722_700_000,
    image=Image("l", "https://live.staticflickr.com/1/1_5ec_b.jpg", 1024, 683),
    original=None,
)
ANSWER = {"stat": "ok", "photo": {"id": "1", "exif": [{"tag": "Make", "raw": {"_content": "Canon"}}]}}
TAGS = {"Make": "Canon", "Model": "Canon EOS 5D", "FNumber": "4.0"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "flickrexif/.crawl/journal.sqlite"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    with open_journal(path) as opened:
        opened.start_month(MONTH, 100)
        yield opened


def photos(*ids: int) -> list[tuple[SearchPhoto, int, str | None]]:
    """Candidates whose rank is their id."""
    return [(replace(PHOTO, id=i, owner=f"{i % 3}@N01"), i, None) for i in ids]


def page(shown: int, total: int | None = None) -> Answer:
    """The answer with a page of photos that no earlier page had."""
    return Answer(shown if total is None else total, shown, shown)


def rows(path: Path, sql: str) -> list[Any]:
    """What the file holds, read by SQLite itself."""
    db = sqlite3.connect(path)
    try:
        return db.execute(sql).fetchall()
    finally:
        db.close()


def exif_answer(path: Path, photo_id: int) -> Any:
    """getExif's whole answer, as the file of a journal has it."""
    for (answer,) in rows(path, f"SELECT answer FROM exif WHERE photo_id = {photo_id}"):
        return json.loads(zlib.decompress(answer))
    return None


# --- what goes in comes out ------------------------------------------------------------------------------------

texts = st.none() | st.text(max_size=40)
numbers = st.none() | st.integers(-(2**63), 2**63 - 1)
images = st.none() | st.builds(Image, st.sampled_from("olczm"), st.text(max_size=60), numbers, numbers)
search_photos = st.builds(
    SearchPhoto,
    id=st.integers(0, 2**63 - 1),
    owner=st.text(max_size=30),
    secret=st.text(max_size=10),
    owner_name=texts,
    path_alias=texts,
    title=texts,
    media=st.text(max_size=8),
    license_id=numbers,
    date_taken=texts,
    date_taken_granularity=numbers,
    date_taken_unknown=st.booleans(),
    date_upload=numbers,
    image=images,
    original=images,
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journal]:
    with open_journal(tmp_path_factory.mktemp("journal") / "journal.sqlite") as opened:
        yield opened


@given(photo=search_photos, tags=st.dictionaries(st.text(max_size=10), st.text(max_size=40), max_size=4))
def test_a_photo_comes_out_as_it_went_in(shared: Journal, photo: SearchPhoto, tags: dict[str, str]) -> None:
    with shared._transaction() as db:
        db.execute("DELETE FROM candidates")
        db.execute("DELETE FROM searches")
    shared.add_search(MONTH, "w", 1, page(1), [(photo, 0, None)])
    assert shared.photo(photo.id) == photo
    shared.add_exif(photo.id, ANSWER, "kept", tags)
    assert list(shared.kept(MONTH)) == [(photo, tags)]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(answer=st.dictionaries(st.text(max_size=8), json_values, max_size=4))
def test_an_answer_comes_out_as_it_came(shared: Journal, answer: dict[str, Any]) -> None:
    shared.add_exif(7, answer, "no_exif", {})
    assert exif_answer(shared.path, 7) == answer


def test_an_answer_and_all_that_it_decides_are_in_the_file_at_once(path: Path, journal: Journal) -> None:
    """A second reader sees them before the journal is closed: that is what a kill leaves behind."""
    assert exif_answer(path, 1) is None
    journal.record_call(12.5, "flickr.photos.search", MONTH)
    assert rows(path, "SELECT * FROM calls") == [(12.5, "flickr.photos.search", MONTH)]
    journal.add_search(MONTH, "w", 1, Answer(9, 2, 1), photos(1, 2))
    assert rows(path, "SELECT total, shown, fresh FROM searches") == [(9, 2, 1)]
    assert rows(path, "SELECT photo_id, round, verdict FROM candidates") == [(1, None, None), (2, None, None)]
    journal.add_doubt(MONTH, "w", "pages_missing")
    assert rows(path, "SELECT doubt FROM doubts") == [("pages_missing",)]
    assert journal.undrawn(MONTH) == [(1, "w"), (2, "w")]
    journal.draw(MONTH, 0, [1, 2])
    assert rows(path, "SELECT rounds FROM months") == [(1,)]
    journal.add_exif(1, ANSWER, "kept", TAGS)
    journal.add_exif(2, {"stat": "fail", "code": 2}, "exif_hidden", {})
    assert rows(path, "SELECT photo_id, verdict FROM candidates ORDER BY 1") == [(1, "kept"), (2, "exif_hidden")]
    record = ImageRecord(1, None, "l", "images/2024-08/1.jpg", "ab" * 32, 1024, 683)
    journal.add_image(MONTH, record)
    assert rows(path, "SELECT photo_id, path FROM images") == [(1, "images/2024-08/1.jpg")]
    assert exif_answer(path, 1) == ANSWER
    assert exif_answer(path, 2) == {"stat": "fail", "code": 2}
    assert list(journal.kept(MONTH)) == [(replace(PHOTO, owner="1@N01"), TAGS)]
    assert journal.verdicts(MONTH) == {"kept": 1, "exif_hidden": 1}
    assert (journal.owners(MONTH), journal.images(MONTH)) == (1, [record])
    assert journal.calls() == {MONTH: {"flickr.photos.search": 1}}


def test_half_a_step_leaves_nothing(path: Path, journal: Journal) -> None:
    """A search answer whose photos cannot be stored is not stored either, and can be stored afterwards."""

    def torn() -> Iterator[tuple[SearchPhoto, int, str | None]]:
        yield from photos(1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        journal.add_search(MONTH, "w", 1, page(2), torn())
    assert rows(path, "SELECT COUNT(*) FROM candidates") == [(0,)]
    assert journal.search_answer(MONTH, "w", 1) is None
    journal.add_search(MONTH, "w", 1, Answer(2, 1, 1), photos(1))
    assert journal.search_answer(MONTH, "w", 1) == Answer(2, 1, 1)


def test_a_photo_seen_twice_is_one_candidate_of_the_window_that_brought_it_first(journal: Journal) -> None:
    journal.add_search(MONTH, "w", 1, page(2), photos(1, 2))
    journal.add_search(MONTH, "v", 1, page(2), photos(2, 3))
    journal.add_search("2024-09", "w", 1, page(1), photos(3))
    assert journal.undrawn(MONTH) == [(1, "w"), (2, "w"), (3, "v")]
    assert journal.photos_in(MONTH, "w") == {1, 2}
    assert journal.undrawn("2024-09") == []


# --- draws and months ------------------------------------------------------------------------------------------


def test_drawn_goes_by_round_then_rank_whatever_the_chunk(journal: Journal) -> None:
    draw = random.Random(3)
    expected = []
    for round_ in range(3):
        ranks = {photo_id: draw.randrange(20) for photo_id in range(round_, 300, 3)}  # ties: the id decides
        ranked = [(photo, ranks[photo.id], None) for photo, _, _ in photos(*ranks)]
        journal.add_search(MONTH, f"w{round_}", 1, page(100), ranked)
        chosen = draw.sample(sorted(ranks), 70)
        journal.draw(MONTH, round_, chosen)
        expected += sorted(chosen, key=lambda photo_id: (ranks[photo_id], photo_id))
    by_rank = [candidate.photo_id for candidate in journal.drawn(MONTH)]
    assert {candidate.photo_id % 3 for candidate in list(journal.drawn(MONTH))[70:140]} == {1}
    assert by_rank == expected
    for chunk in (1, 7, 70, 210, 211):
        assert [candidate.photo_id for candidate in journal.drawn(MONTH, chunk)] == by_rank


def test_photos_out_by_the_search_are_not_drawn(journal: Journal) -> None:
    journal.add_search(MONTH, "a", 1, page(5), [*photos(1, 2, 3, 4), (replace(PHOTO, id=5), 0, "license")])
    assert journal.undrawn(MONTH) == [(i, "a") for i in (1, 2, 3, 4)]
    journal.draw(MONTH, 0, [2, 3])
    assert journal.undrawn(MONTH) == [(1, "a"), (4, "a")]
    assert journal.verdicts(MONTH) == {"license": 1}


def test_a_photo_passed_over_is_not_kept_until_it_no_longer_is(journal: Journal) -> None:
    journal.add_search(MONTH, "w", 1, page(3), photos(1, 2, 3))
    journal.draw(MONTH, 0, [1, 2, 3])
    for photo_id in (1, 2):
        journal.add_exif(photo_id, ANSWER, "kept", TAGS)
    journal.pass_over([(1, None), (2, "beyond_target"), (3, "over_cap")])
    assert [photo.id for photo, _ in journal.kept(MONTH)] == [1]
    assert journal.verdicts(MONTH) == {"kept": 1, "beyond_target": 1, "over_cap": 1}
    assert (journal.owners(MONTH), journal.without_image(MONTH)) == (1, [1])
    journal.pass_over([(1, None), (2, None), (3, "over_cap")])
    assert [photo.id for photo, _ in journal.kept(MONTH)] == [1, 2]


def test_a_finished_month_is_done_for_its_target_alone(journal: Journal) -> None:
    journal.draw(MONTH, 0, [])
    assert journal.start_month(MONTH, 100) == MonthState(target=100, rounds=1, exhausted=False, done=False)
    journal.finish_month(MONTH)
    assert journal.start_month(MONTH, 100).done
    assert not journal.start_month(MONTH, 50).done
    assert not journal.start_month(MONTH, 100).done  # what came for 50 may have changed what is kept
    journal.exhaust(MONTH)
    assert journal.months() == {MONTH: MonthState(target=100, rounds=1, exhausted=True, done=False)}
    assert journal.start_month("2000-01", 5).rounds == 0
    assert list(journal.months()) == ["2000-01", MONTH]


def test_searching_again_forgets_what_searches_said_and_keeps_the_photos(journal: Journal) -> None:
    journal.add_search(MONTH, "w", 1, page(3), photos(1, 2, 3))
    journal.draw(MONTH, 0, [1])
    journal.add_exif(1, ANSWER, "kept", TAGS)
    journal.add_doubt(MONTH, "w", "pages_missing")
    journal.exhaust(MONTH)
    journal.finish_month(MONTH)
    journal.search_again(MONTH)
    assert journal.months()[MONTH] == MonthState(target=100, rounds=0, exhausted=False, done=False)
    assert journal.search_answer(MONTH, "w", 1) is None
    assert journal.doubts(MONTH) == {}
    assert [photo.id for photo, _ in journal.kept(MONTH)] == [1]
    journal.add_search(MONTH, "v", 1, page(3), photos(1, 2, 4))
    assert journal.undrawn(MONTH) == [(2, "v"), (3, ""), (4, "v")]


def test_photos_without_an_image_are_the_kept_ones_not_settled(journal: Journal) -> None:
    journal.add_search(MONTH, "w", 1, page(4), photos(1, 2, 3, 4))
    for photo_id in (4, 2, 1):
        journal.add_exif(photo_id, ANSWER, "kept", TAGS)
    journal.add_exif(3, ANSWER, "no_exif", {})
    journal.add_image(MONTH, ImageRecord(2, "gone", "l"))
    assert journal.without_image(MONTH) == [1, 4]
    assert journal.images(MONTH) == [ImageRecord(2, "gone", "l")]


ORIGINAL = Image("o", "https://live.staticflickr.com/1_o.jpg", 40, 30)
SMALL = ("images/2024-08/1.jpg", "ab", 4, 3)


@pytest.mark.parametrize(
    ("record", "original", "tried"),
    [
        (None, None, True),
        (ImageRecord(1, None, "l", *SMALL), ORIGINAL, True),
        (ImageRecord(1, None, "l", *SMALL), None, False),
        (ImageRecord(1, None, "l", *SMALL, "refused"), ORIGINAL, False),
        (ImageRecord(1, None, "o", *SMALL), ORIGINAL, False),
        (ImageRecord(1, "gone"), ORIGINAL, True),
        (ImageRecord(1, "damaged", "l"), ORIGINAL, True),
        (ImageRecord(1, "damaged", "l", original_reason="gone"), ORIGINAL, False),
        (ImageRecord(1, "private", "l"), ORIGINAL, False),
    ],
)
def test_originals_are_tried_once(
    journal: Journal, record: ImageRecord | None, original: Image | None, tried: bool
) -> None:
    (row,) = photos(1)
    journal.add_search(MONTH, "w", 1, page(1), [(replace(row[0], original=original), *row[1:])])
    journal.add_exif(1, ANSWER, "kept", TAGS)
    if record:
        journal.add_image(MONTH, record)
    assert journal.without_image(MONTH, originals=True) == [1] * tried
    assert journal.without_image(MONTH) == [1] * (record is None)
    assert journal.image(1) == record
    journal.drop_images([1])
    assert journal.without_image(MONTH) == [1]


def test_the_first_setting_stays(journal: Journal) -> None:
    assert journal.settle("source", "flickr") == "flickr"
    assert journal.settle("source", "sandbox:simulated") == "flickr"
    assert journal.meta() == {"source": "flickr"}


# --- opening ---------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("journal")
def test_status_reads_while_a_crawl_writes(path: Path, journal: Journal) -> None:
    with read_journal(path) as reader:
        assert list(reader.months()) == [MONTH]
        journal.start_month("2024-09", 7)
        assert [state.target for state in reader.months().values()] == [100, 7]


def test_no_journal_to_read(path: Path) -> None:
    with (
        pytest.raises(FlickrExifError, match=r"There is no crawl in .*/flickrexif\. Start one: flickrexif crawl"),
        read_journal(path),
    ):
        pass
    assert not path.parent.exists()


def test_a_journal_of_another_version_is_refused_and_left_as_it_is(path: Path) -> None:
    with open_journal(path) as journal:
        journal.start_month(MONTH, 5)
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.execute("PRAGMA journal_mode = DELETE")
    db.close()
    before = path.read_bytes()
    for opener in (open_journal, read_journal):
        with (
            pytest.raises(
                FlickrExifError, match=r"another version of flickrexif \(journal 99, not 3\)\. Type: pip install"
            ),
            opener(path),
        ):
            pass
    assert path.read_bytes() == before


def test_a_file_that_is_no_journal_is_refused_and_left_as_it_is(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(b"No database at all.\n" * 500)
    for opener in (open_journal, read_journal):
        with pytest.raises(FlickrExifError, match=r"is damaged or no journal\. Restore it from a copy"), opener(path):
            pass
    assert path.read_bytes() == b"No database at all.\n" * 500


def test_a_database_of_another_program_is_refused_and_left_as_it_is(path: Path) -> None:
    path.parent.mkdir(parents=True)
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE others (x)")
    db.close()
    before = path.read_bytes()
    with pytest.raises(FlickrExifError, match=r"\(journal 0, not 3\)"), open_journal(path):
        pass
    assert path.read_bytes() == before


def test_a_journal_damaged_within_is_one_sentence(path: Path) -> None:
    with open_journal(path) as journal:
        journal.start_month(MONTH, 5)
        journal.add_search(MONTH, "w", 1, page(900), photos(*range(900)))
    data = bytearray(path.read_bytes())
    data[8_192:] = random.Random(1).randbytes(len(data) - 8_192)  # the header and the schema stay
    path.write_bytes(data)
    with pytest.raises(FlickrExifError, match=r"is damaged or no journal\. Restore it"), open_journal(path) as journal:
        journal.verdicts(MONTH)
    assert path.stat().st_size == len(data)


@pytest.mark.parametrize("spoil", ["file in place of a folder", "folder in place of the journal"])
def test_a_folder_that_cannot_be_written(tmp_path: Path, spoil: str) -> None:
    path = tmp_path / "data/.crawl/journal.sqlite"
    if spoil.startswith("file"):
        (tmp_path / "data").touch()
    else:
        path.mkdir(parents=True)
    with pytest.raises(FlickrExifError, match=r"cannot be (written|read or written) \("), open_journal(path):
        pass


# --- a full disk -----------------------------------------------------------------------------------------------

FULL = r"The disk that holds .*journal\.sqlite is full\. Free some space\. Then run the same command again: nothing"


def fill(journal: Journal) -> int:
    """Store photos one by one until the disk is full; return how many searches were stored."""
    for number in range(10_000):
        try:
            journal.add_search(MONTH, f"w{number}", 1, page(20), photos(*range(20 * number, 20 * number + 20)))
        except FlickrExifError as error:
            assert "is full" in error.message  # noqa: PT017
            return number
    raise AssertionError("the disk never filled")


def test_a_full_disk_is_one_sentence_and_loses_nothing(path: Path, journal: Journal) -> None:
    (pages,) = journal._db.execute("PRAGMA page_count").fetchone()
    journal._db.execute(f"PRAGMA max_page_count = {pages + 10}")  # SQLite's own SQLITE_FULL
    stored = fill(journal)
    assert stored > 0
    with pytest.raises(FlickrExifError, match=FULL):
        journal.add_search(MONTH, "more", 1, page(1), photos(*range(9_000, 9_100)))
    assert rows(path, "SELECT COUNT(*) FROM searches") == [(stored,)]
    assert rows(path, "SELECT COUNT(*) FROM candidates") == [(20 * stored,)]
    journal._db.execute("PRAGMA max_page_count = 1000000")
    journal.add_search(MONTH, f"w{stored}", 1, page(1), photos(20 * stored))
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]


def test_a_write_that_the_system_refuses_is_one_sentence_and_loses_nothing(path: Path, journal: Journal) -> None:
    """A limit on the size of files, in place of a quota."""
    journal.add_search(MONTH, "before", 1, page(1), photos(1))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
    try:
        with pytest.raises(FlickrExifError, match=r"cannot be read or written .*: nothing that was journaled is lost"):
            journal.add_search(MONTH, "more", 1, page(1), photos(*range(2, 9_000)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert rows(path, "SELECT query FROM searches") == [("before",)]
    journal.add_search(MONTH, "more", 1, page(1), photos(2))
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]


# --- photos that must go ---------------------------------------------------------------------------------------


def crawled(journal: Journal) -> None:
    """Ten photos of three photographers, kept, rejected and untried, each with a title of its own."""
    ranked = [(replace(photo, title=f"<title of {photo.id:04}>"), rank, out) for photo, rank, out in photos(*range(10))]
    journal.add_search(MONTH, "w", 1, page(10), ranked)
    journal.draw(MONTH, 0, range(8))
    for photo_id in (0, 1, 2, 3):
        journal.add_exif(photo_id, ANSWER, "kept", TAGS | {"Artist": f"<artist of {photo_id:04}>"})
        journal.add_image(MONTH, ImageRecord(photo_id, None, "l", f"images/{photo_id:04}.jpg", "ab", 1, 1))
        journal.add_check(photo_id, 5.0, "ok")
    journal.add_exif(4, {"stat": "fail", "code": 2, "message": "<hidden by 0004>"}, "exif_hidden", {})
    journal.pass_over([(5, "over_cap")])


def bytes_of(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in path.parent.glob("journal.sqlite*"))


def test_what_is_forgotten_is_in_no_byte_of_the_journal(path: Path, journal: Journal) -> None:
    """Rejected photos too, whose facts were cleared before, and where SQLite does not wipe what it deletes."""
    journal._db.execute("PRAGMA secure_delete = OFF")
    crawled(journal)
    named = [f"<title of {photo_id:04}>".encode() for photo_id in range(10)]
    named += [f"<artist of {photo_id:04}>".encode() for photo_id in range(4)]
    assert all(name in bytes_of(path) for name in named)
    owner_by_id = journal.photos_of([0, 9, 77], ["2@N01"])
    assert owner_by_id == {0: "0@N01", 9: "0@N01", 2: "2@N01", 5: "2@N01", 8: "2@N01"}
    assert journal.holds(owner_by_id) == 5 + 2 + 2 + 2
    journal.forget(owner_by_id)
    left = bytes_of(path)
    assert [name for name in named if name in left] == [
        *(f"<title of {photo_id:04}>".encode() for photo_id in (1, 3, 6, 7)),
        *(f"<artist of {photo_id:04}>".encode() for photo_id in (1, 3)),
    ]
    assert b"images/0002.jpg" not in left
    assert journal.holds(owner_by_id) == 0
    assert [photo.id for photo, _ in journal.kept(MONTH)] == [1, 3]
    assert [record.photo_id for record in journal.images(MONTH)] == [1, 3]
    assert (exif_answer(path, 0), exif_answer(path, 1)) == (None, ANSWER)
    assert journal.checks() == {1: (5.0, "ok"), 3: (5.0, "ok")}
    assert journal.search_answer(MONTH, "w", 1) == page(10)  # what the sampling is replayed from stays
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]
    assert (path.parent / "journal.sqlite-wal").stat().st_size == 0


def test_what_was_dropped_before_is_gone_too(path: Path, journal: Journal) -> None:
    """Version 0.1 deleted photos that it never drew, but SQLite keeps their bytes; one look is enough."""
    journal._db.execute("PRAGMA secure_delete = OFF")
    crawled(journal)
    journal._db.execute("DELETE FROM candidates WHERE photo_id IN (8, 9)")
    titles = [f"<title of {photo_id:04}>".encode() for photo_id in (8, 9)]
    assert [title for title in titles if title in bytes_of(path)]
    journal.forget([8, 9])
    assert [title for title in titles if title in bytes_of(path)] == []
    before = path.read_bytes()
    journal.forget([8, 9])
    assert path.read_bytes() == before
    journal.start_month(MONTH, 50)  # a crawl may leave others
    journal.add_search(MONTH, "v", 1, page(1), [(replace(PHOTO, id=77, title="<late>"), 1, None)])
    journal._db.execute("DELETE FROM candidates WHERE photo_id = 77")
    assert b"<late>" in bytes_of(path)
    journal.forget([77])
    assert b"<late>" not in bytes_of(path)


def test_forgetting_while_another_program_reads_is_one_sentence_and_completes_later(
    path: Path, journal: Journal
) -> None:
    crawled(journal)
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM candidates").fetchone()
    journal._db.execute("PRAGMA busy_timeout = 50")
    with pytest.raises(FlickrExifError, match=r"journal\.sqlite"):
        journal.forget([1])
    assert b"<title of 0001>" in bytes_of(path)
    reader.close()
    journal.forget([1])
    assert b"<title of 0001>" not in bytes_of(path)


def test_a_done_month_stays_done_when_a_kept_photo_goes(journal: Journal) -> None:
    crawled(journal)
    journal.finish_month(MONTH)
    journal.forget([1])
    assert journal.start_month(MONTH, 100).done


def test_the_span_is_that_of_the_calls_that_bring_photos(journal: Journal) -> None:
    """Asking again next year does not make the collection younger."""
    journal.record_call(50.0, "flickr.photos.licenses.getInfo", "")
    assert journal.call_span() is None
    for at, method in ((100.0, "search"), (200.0, "getExif"), (900.0, "getInfo"), (950.0, "licenses.getInfo")):
        journal.record_call(at, f"flickr.photos.{method}", MONTH)
    assert journal.call_span() == (100.0, 200.0)


SCHEMA_2 = (Path(__file__).parent / "data/journal-2.sql").read_text()  # of version 2; version 1 had no table of checks


def earlier_journal(path: Path, version: int) -> None:
    """A journal as version 0.1 wrote it: photo 1 kept, 2 without Exif, 3 over the cap, 4 drawn and not tried."""
    path.parent.mkdir(parents=True)
    db = sqlite3.connect(path)
    db.executescript(f"{SCHEMA_2} PRAGMA user_version = {version};")
    if version == 1:
        db.execute("DROP TABLE checks")
    db.execute("INSERT INTO months VALUES (?, 100, 3, 1)", (MONTH,))
    db.execute("INSERT INTO searches VALUES (?, 'w', 1, 10, 10)", (MONTH,))
    for photo_id, verdict in ((1, "kept"), (2, "no_exif"), (3, "over_cap"), (4, None)):
        photo = None if verdict in ("no_exif", "over_cap") else json.dumps(asdict(replace(PHOTO, id=photo_id)))
        values = (photo_id, MONTH, "w", "1@N01", photo_id, 0, verdict, photo, json.dumps(TAGS))
        db.execute("INSERT INTO candidates VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
    db.commit()
    db.close()


def columns(path: Path) -> list[Any]:
    """The columns of every table and view, in no order."""
    return sorted(rows(path, "SELECT m.name, c.name, c.type, c.pk FROM sqlite_master m, pragma_table_info(m.name) c"))


@pytest.mark.parametrize("opener", [open_journal, read_journal])
@pytest.mark.parametrize("version", [1, 2])
def test_a_journal_of_an_earlier_version_goes_on(path: Path, opener: Any, version: int) -> None:
    earlier_journal(path, version)
    with opener(path) as journal:
        assert list(journal.kept(MONTH)) == [(PHOTO, TAGS)]
        assert journal.verdicts(MONTH) == {"kept": 1, "no_exif": 1, "over_cap": 1}
        assert journal.months() == {MONTH: MonthState(target=100, rounds=0, exhausted=False, done=True)}
        assert journal.search_answer(MONTH, "w", 1) is None  # it drew otherwise
        assert [photo.photo_id for photo in journal.drawn(MONTH)] == [1, 2, 3, 4]
        journal.add_check(1, 7.5, "gone")
    with opener(path) as journal:
        assert journal.checks() == {1: (7.5, "gone")}
    with open_journal(path.with_name("new.sqlite")):
        assert columns(path) == columns(path.with_name("new.sqlite"))
    assert rows(path, "PRAGMA user_version") == [(3,)]


def test_a_journal_of_version_2_tries_smaller_images_where_the_original_failed(path: Path) -> None:
    """It took no other size for them."""
    earlier_journal(path, 2)
    db = sqlite3.connect(path)
    db.execute("INSERT INTO images VALUES (1, ?, 'refused', 'o', NULL, NULL, NULL, NULL)", (MONTH,))
    db.execute("INSERT INTO images VALUES (2, ?, NULL, 'o', 'images/2024-08/2.jpg', 'ab', 4, 3)", (MONTH,))
    db.commit()
    db.close()
    with open_journal(path) as journal:
        assert journal.images(MONTH) == [ImageRecord(2, None, "o", "images/2024-08/2.jpg", "ab", 4, 3)]


def test_two_programs_bring_a_journal_to_this_version_at_once(path: Path) -> None:
    earlier_journal(path, 1)
    code = (
        "import sys\nfrom pathlib import Path\nfrom flickrexif.collectors.journal import read_journal\n"
        "input()\nwith read_journal(Path(sys.argv[1])) as journal: print(journal.checks())"
    )
    command = [sys.executable, "-c", code, str(path)]
    running = [subprocess.Popen(command, stdin=-1, stdout=-1, stderr=-1, text=True) for _ in range(4)]
    assert [process.communicate("\n", timeout=60) for process in running] == [("{}\n", "")] * 4
