"""How far a window is read, and when an answer is believed: searches that are wrong as Flickr's were reported to be."""

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flickrexif.collectors.month import read_round
from flickrexif.collectors.search import DOUBTS, END, Answer, Reader, doubts, is_doubtful
from flickrexif.collectors.window import Window, month_window

MONTH = month_window("2024-02", [4, 5, 7, 8])


class Wrong(NamedTuple):
    """A server with `photos` photos of one second or spread over the month, whose answers `spoil` changes."""

    photos: int
    spoil: Callable[[Window, int, Answer], Answer]


def read(wrong: Wrong, *, spread: bool = False) -> tuple[Counter[str], dict[str, int], dict[str, set[str]]]:
    """Reads the month as the crawl does; the calls by window, photos by window, and doubts by window."""
    calls: Counter[str] = Counter()
    answers: dict[tuple[str, int], Answer] = {}  # as the journal keeps them
    shown: dict[str, dict[int, int]] = {}
    noted: dict[str, set[str]] = {}

    def inside(window: Window) -> int:
        """Photos are spread evenly over the licences, and over the month or in its first second."""
        share = len(window.licenses) / len(MONTH.licenses)
        if spread:
            whole = (MONTH.last - MONTH.first).total_seconds() + 1
            share *= ((window.last - window.first).total_seconds() + 1) / whole
        elif window.first != MONTH.first:
            share = 0.0
        share *= (window.uploaded[1] - window.uploaded[0] + 1) / (MONTH.uploaded[1] - MONTH.uploaded[0] + 1)
        return round(wrong.photos * share)

    def ask(window: Window, page: int) -> Answer:
        calls[window.key] += 1
        count = max(0, min(500, inside(window) - 500 * (page - 1)))
        return wrong.spoil(window, page, Answer(inside(window), count, count))

    def search(window: Window, page: int, needed: bool) -> Answer:
        if (window.key, page) not in answers:
            answer = ask(window, page)
            if is_doubtful(window, page, answer.total, answer):
                answer = ask(window, page)
            answers[window.key, page] = answer
        if needed:
            shown.setdefault(window.key, {})[page] = answers[window.key, page].fresh
        return answers[window.key, page]

    reader = Reader(
        search,
        lambda function, windows: [function(window) for window in windows],
        lambda window, doubt: noted.setdefault(window.key, set()).add(doubt),
    )
    assert read_round(MONTH, 0, 0, reader) is not None
    return calls, {key: sum(pages.values()) for key, pages in shown.items()}, noted


def right(window: Window, page: int, answer: Answer) -> Answer:
    return answer


def test_a_total_that_is_too_low_loses_nothing() -> None:
    """C2: 80% of 2,900 were told, and 400 photos were lost."""
    _, photos, noted = read(Wrong(2_900, lambda _, page, answer: answer._replace(total=2_320)))
    assert sum(photos.values()) == 2_900
    assert noted == {}


def test_an_empty_page_in_the_middle_is_passed_over_and_noted() -> None:
    """C3: page 2 of 6 was empty, and 2,400 photos were lost."""
    empty = lambda _, page, answer: answer._replace(shown=0, fresh=0) if page == 2 else answer  # noqa: E731
    calls, photos, noted = read(Wrong(2_900, empty))
    assert sum(photos.values()) == 2_400
    assert set().union(*noted.values()) == {"pages_missing"}
    assert calls[MONTH.key] == 6 + 1  # six pages, and page 2 once more


def test_a_page_that_is_empty_once_is_asked_for_again() -> None:
    times: Counter[int] = Counter()

    def once(_: Window, page: int, answer: Answer) -> Answer:
        times[page] += 1
        return answer._replace(shown=0, fresh=0) if page == 3 and times[3] == 1 else answer

    _, photos, noted = read(Wrong(2_900, once))
    assert sum(photos.values()) == 2_900
    assert noted == {}


def test_no_photos_of_several_licences_is_checked_licence_by_licence() -> None:
    """C4: 0 for lists of licences, the truth for each; it was an empty month, never asked again."""
    zero = lambda window, _, answer: Answer(0, 0, 0) if len(window.licenses) > 1 else answer  # noqa: E731
    calls, photos, _ = read(Wrong(2_900, zero))
    assert sum(photos.values()) == 2_900
    assert sum(calls.values()) < 30


def test_an_empty_month_costs_a_few_calls() -> None:
    calls, photos, noted = read(Wrong(0, right))
    assert sum(photos.values()) == 0
    assert noted == {}
    assert sum(calls.values()) <= 2 * (1 + len(MONTH.licenses))


def test_halves_as_large_as_the_whole_are_not_halved_on() -> None:
    """C5: below five minutes each slice had the count of the five minutes; it cost 1,248 searches instead of 36."""
    calls, photos, noted = read(Wrong(3_500, right))  # all in one second: the halves of time shrink only on one side
    assert sum(photos.values()) == 3_500
    assert noted == {}
    assert sum(calls.values()) < 100

    def coarse(window: Window, page: int, answer: Answer) -> Answer:
        minutes = (
            (window.first - MONTH.first).total_seconds() // 300,
            (window.last - MONTH.first).total_seconds() // 300,
        )
        if minutes != (0, 0):
            return answer
        share = len(window.licenses) / len(MONTH.licenses)
        share *= (window.uploaded[1] - window.uploaded[0] + 1) / (MONTH.uploaded[1] - MONTH.uploaded[0] + 1)
        total = round(3_500 * share)
        count = max(0, min(500, total - 500 * (page - 1)))
        return Answer(total, count, count)

    calls, photos, noted = read(Wrong(3_500, coarse))
    assert sum(photos.values()) == 3_500
    assert noted == {}
    assert sum(calls.values()) < 100


def test_a_window_that_nothing_divides_is_read_as_far_as_it_is_shown() -> None:
    """Each window of the first second has 5,000 photos, whatever its licences and uploads."""
    always = lambda window, page, _: Answer(5_000, 500, 500) if window.first == MONTH.first else Answer(0, 0, 0)  # noqa: E731
    calls, photos, noted = read(Wrong(0, always))
    assert max(photos.values()) == 4_000
    assert {"parts_do_not_add_up", "more_than_shown"} <= set().union(*noted.values())
    assert sum(calls.values()) < 200


def test_a_total_that_is_far_too_high_is_noted() -> None:
    _, photos, noted = read(Wrong(600, lambda _, page, answer: answer._replace(total=2_900)))
    assert sum(photos.values()) == 600
    assert set().union(*noted.values()) == {"fewer_than_told"}


def test_a_page_that_does_not_exist_is_the_end() -> None:
    ended = lambda _, page, answer: Answer(END, 0, 0) if page > 3 else answer  # noqa: E731
    calls, photos, noted = read(Wrong(2_900, ended))
    assert sum(photos.values()) == 1_500
    assert calls[MONTH.key] == 4
    assert set().union(*noted.values()) == {"fewer_than_told"}


def test_pages_that_repeat_past_the_total_end_a_window() -> None:
    """Past the last page some servers show the last one again: full, with nothing new."""
    repeats = lambda _, page, answer: answer._replace(shown=500, fresh=0) if page > 2 else answer  # noqa: E731
    calls, photos, noted = read(Wrong(1_000, repeats))
    assert sum(photos.values()) == 1_000
    assert noted == {}
    assert calls[MONTH.key] <= 3


pages = st.lists(
    st.builds(lambda total, fresh: Answer(total, fresh, fresh), st.integers(0, 5_000), st.integers(0, 500)),
    min_size=1,
    max_size=8,
)


@given(pages)
def test_each_doubt_says_what_is_wrong_with_the_pages(read_pages: list[Answer]) -> None:
    noted = doubts(read_pages)
    fresh = [page.fresh for page in read_pages]
    hole = any(not count and any(fresh[place:]) for place, count in enumerate(fresh))
    assert ("pages_missing" in noted) == hole
    assert ("fewer_than_told" in noted) == (sum(fresh) + 750 < max(page.total for page in read_pages))
    assert ("more_than_shown" in noted) == (len(fresh) == 8 and fresh[7] == 500)
    assert set(noted) <= DOUBTS.keys()


def test_a_part_that_seems_empty_is_not_believed_where_the_whole_has_more() -> None:
    """The later half of the month is told to be empty, for lists of licences: 1,450 of 5,800 photos were lost."""

    def empty(window: Window, page: int, answer: Answer) -> Answer:
        late = window.first > MONTH.first and len(window.licenses) > 1
        return Answer(0, 0, 0) if late else answer

    _, photos, noted = read(Wrong(5_800, empty), spread=True)
    assert sum(photos.values()) == pytest.approx(5_800, abs=10)  # photos of the model are rounded
    assert noted == {}


@pytest.mark.parametrize(
    ("page", "total", "answer", "doubtful"),
    [
        (1, 700, Answer(700, 0, 0), True),
        (1, 0, Answer(0, 0, 0), True),  # of four licences
        (2, 700, Answer(700, 0, 0), True),
        (2, 700, Answer(700, 200, 0), True),  # repeats the first
        (2, 500, Answer(500, 0, 0), False),
        (2, 700, Answer(700, 193, 193), False),
        (2, 700, Answer(END, 0, 0), False),
    ],
)
def test_what_is_asked_for_again(page: int, total: int, answer: Answer, doubtful: bool) -> None:
    assert is_doubtful(MONTH, page, total, answer) is doubtful


def test_no_photo_of_one_licence_is_believed() -> None:
    window = MONTH.by_license()[0]
    assert not is_doubtful(window, 1, 0, Answer(0, 0, 0))
