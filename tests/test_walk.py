"""Which photos are tried and kept: whatever the order of the answers, what a walk photo by photo decides."""

from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from flickrexif.collectors.walk import Drawn, Walk, passed_over

owners = st.sampled_from("abcd")
photos = st.lists(st.tuples(owners, st.booleans()), max_size=60)  # photographer, and whether the Exif is usable


def one_by_one(drawn: list[tuple[str, bool]], target: int, cap: int) -> tuple[list[int], list[int], dict[int, str]]:
    """The photos tried, those kept, and why others are passed over: the rules, a photo after the other."""
    tried, kept, reasons = [], [], {}
    for number, (owner, usable) in enumerate(drawn):
        if len(kept) == target:
            break
        if sum(drawn[other][0] == owner for other in kept) == cap:
            reasons[number] = "over_cap"
        elif sum(drawn[other][0] == owner for other in tried) == 2 * cap:
            reasons[number] = "photographer_without_exif"
        else:
            tried.append(number)
            if usable:
                kept.append(number)
    return tried, kept, reasons


@given(photos, st.integers(1, 30), st.integers(1, 4), st.sets(st.integers(0, 59)), st.integers(1, 9), st.randoms())
def test_any_order_of_answers_gives_the_photos_of_a_walk_photo_by_photo(
    drawn: list[tuple[str, bool]], target: int, cap: int, answered: set[int], workers: int, draw: Random
) -> None:
    """Some answers are there from an earlier run; the others come in any order, several at once."""
    tried, kept, _ = one_by_one(drawn, target, cap)
    rows = [Drawn(n, owner, usable if n in answered else None) for n, (owner, usable) in enumerate(drawn)]
    walk, asked, under_way = Walk(rows, target, cap), [], []
    while True:
        while len(under_way) < workers and (photo := walk.next_to_try()):
            asked.append(photo.photo_id)
            under_way.append(photo)
        if not under_way:
            break
        photo = under_way.pop(draw.randrange(len(under_way)))
        walk.end(photo.owner, usable=drawn[photo.photo_id][1])
    assert sorted(asked) == [n for n in tried if n not in answered]
    assert walk.tally.kept == len(kept)
    assert walk.tally.pending == 0


@given(photos, st.integers(1, 30), st.integers(1, 4), st.integers(1, 30))
def test_reasons_are_those_of_a_fresh_walk_whatever_was_tried_before(
    drawn: list[tuple[str, bool]], target: int, cap: int, before: int
) -> None:
    """After a whole run with another target and one with this: the same photos are kept, for the same reasons."""
    tried, kept, reasons = one_by_one(drawn, target, cap)
    asked = {*tried, *one_by_one(drawn, before, cap)[0]}
    rows = [Drawn(n, owner, usable if n in asked else None) for n, (owner, usable) in enumerate(drawn)]
    given_reasons = dict(passed_over(rows, target, cap))
    assert [row.photo_id for row in rows if row.usable and given_reasons[row.photo_id] is None] == kept
    left = {n: reason for n, reason in given_reasons.items() if reason not in (None, "beyond_target")}
    assert left == reasons
    assert all(n > max(kept, default=-1) for n, reason in given_reasons.items() if reason == "beyond_target")


@given(photos, st.integers(1, 30), st.integers(1, 30), st.integers(1, 4))
def test_a_larger_target_keeps_the_photos_of_a_smaller(
    drawn: list[tuple[str, bool]], first: int, second: int, cap: int
) -> None:
    small, large = (set(one_by_one(drawn, target, cap)[1]) for target in sorted((first, second)))
    assert small <= large


@given(photos, st.integers(1, 4))
def test_caps_hold(drawn: list[tuple[str, bool]], cap: int) -> None:
    rows = [Drawn(n, owner, None) for n, (owner, _) in enumerate(drawn)]
    walk = Walk(rows, 60, cap)
    asked: Counter[str] = Counter()
    kept: Counter[str] = Counter()
    while photo := walk.next_to_try():
        usable = drawn[photo.photo_id][1]
        asked[photo.owner] += 1
        kept[photo.owner] += usable
        walk.end(photo.owner, usable=usable)
    assert max(kept.values(), default=0) <= cap
    assert max(asked.values(), default=0) <= 2 * cap
