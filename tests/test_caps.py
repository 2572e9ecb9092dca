"""At most N photos a photographer."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from flickrexif.core.caps import within_cap

PHOTOS = st.lists(st.tuples(st.sampled_from("abcde"), st.integers()))


@given(PHOTOS, st.integers(1, 5))
def test_no_owner_exceeds_the_cap_and_none_is_cut_short(photos: list[tuple[str, int]], cap: int) -> None:
    numbered = [(owner, (owner, place)) for place, (owner, _) in enumerate(photos)]
    walked = list(within_cap(numbered, cap))
    assert [photo for photo, _ in walked] == [photo for _, photo in numbered]
    kept = Counter(owner for (owner, _), within in walked if within)
    assert kept == {owner: min(count, cap) for owner, count in Counter(owner for owner, _ in photos).items()}
    for owner in kept:  # the first ones are the ones kept
        assert [w for (o, _), w in walked if o == owner] == sorted(
            (w for (o, _), w in walked if o == owner), reverse=True
        )
