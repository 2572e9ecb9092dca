"""Findings from the pictures themselves: the two of each pair compared, then subjects with each other."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from flickrexif.core.pictures import BadPicture
from flickrexif.paircams.duplicates import twins
from flickrexif.paircams.framing import MIN_FEATURES, Match, View, compare, view
from flickrexif.paircams.records import Problem
from flickrexif.paircams.rules import Pair, problem, shown
from flickrexif.paircams.swaps import swaps

Progress = Callable[[int, int], None]
TURNED = 45  # degrees


class Scene(NamedTuple):
    """A pair whose two images can be read, and how they fit."""

    pair: Pair
    phone: View
    camera: View
    match: Match


def compare_pairs(pairs: Sequence[Pair], progress: Progress | None = None) -> tuple[list[Scene], list[Problem]]:
    """The scenes of `pairs`, and a problem for each image that cannot be read; such pairs have no scene.

    `progress(done, total)` counts pairs.
    """
    scenes: list[Scene] = []
    problems: list[Problem] = []
    for done, pair in enumerate(pairs, start=1):
        views = []
        for image in pair:
            try:
                views.append(view(image.read()))
            except (OSError, BadPicture) as error:
                problems.append(problem(image, "unreadable", str(error)[:200]))
        if len(views) == 2:
            scenes.append(Scene(pair, views[0], views[1], compare(views[0], views[1])))
        if progress:
            progress(done, len(pairs))
    return scenes, problems


def scene_problems(scenes: Sequence[Scene]) -> Iterator[Problem]:
    """Swapped images, orientation and framing of each pair, and scenes of two subjects."""
    if scenes:
        yield from _pairs(scenes)
        yield from _twins(scenes)


def _orientation(scene: Scene) -> Iterator[Problem]:
    """A finding when one image is upright and the other lying, or when both fit but one is turned."""
    pair, phone, camera, match = scene
    detail = ""
    if (phone.width - phone.height) * (camera.width - camera.height) < 0:
        detail = f"the phone's is {_upright_or_lying(phone)}, the camera's is {_upright_or_lying(camera)}"
    elif match.fits and abs(match.turn) > TURNED:
        detail = f"the camera's is turned by {abs(match.turn):.0f} degrees"
    if detail:
        yield Problem(subject=pair.phone.subject, file="", rule="orientation", detail=detail)


def _pairs(scenes: Sequence[Scene]) -> Iterator[Problem]:
    """Swapped images; orientation and framing are reported only for subjects that are not swapped."""
    own = [scene.match for scene in scenes]
    good = {number for number, match in enumerate(own) if match.fits}
    swapped = swaps([scene.phone for scene in scenes], [scene.camera for scene in scenes], own, good)
    for number, scene in enumerate(scenes):
        if swap := swapped.get(number):
            other = shown(scenes[swap.other].pair.phone.subject)
            detail = f"it fits subject {other} ({fit_words(swap.match)}) better than its own ({fit_words(scene.match)})"
            yield problem(getattr(scene.pair, swap.side), "swapped", detail)
            continue
        yield from _orientation(scene)
        if number not in good:
            few = min(len(scene.phone.points), len(scene.camera.points))
            detail = f"cannot be told from {few} features" if few < MIN_FEATURES else fit_words(scene.match)
            yield Problem(subject=scene.pair.phone.subject, file="", rule="framing", detail=detail)


def _twins(scenes: Sequence[Scene]) -> Iterator[Problem]:
    """A finding on each of two subjects whose phone images, or camera images, show one scene."""
    phones = twins([scene.phone for scene in scenes], [scene.pair.phone.sha256 for scene in scenes])
    cameras = twins([scene.camera for scene in scenes], [scene.pair.camera.sha256 for scene in scenes])
    matches = {(twin.first, twin.second): twin.match for twin in (*phones, *cameras)}
    subjects = [scene.pair.phone.subject for scene in scenes]
    for (first, second), match in sorted(matches.items()):
        for number, other in ((first, second), (second, first)):
            detail = f"the same scene as subject {shown(subjects[other])} ({fit_words(match)})"
            yield Problem(subject=subjects[number], file="", rule="near_duplicate", detail=detail)


def _upright_or_lying(seen: View) -> str:
    return "upright" if seen.height > seen.width else "lying"


def fit_words(match: Match) -> str:
    """A match in words, for findings and pages."""
    return f"{match.inliers} inliers, {match.share:.0%} of the matches, overlap {match.overlap:.0%}"
