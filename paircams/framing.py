"""Whether two photographs show one scene from one angle: ORB features and the homography between them, by OpenCV.

Two photos of one scene have dozens of features that a single homography maps from one to the other; photos of different
scenes have a handful, by chance. The homography also gives how much the two frames overlap and whether one is turned.
"""

import math
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

from flickrexif.core.extras import require
from flickrexif.core.pictures import BadPicture, small_picture

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[np.float32]

SIDE = 640  # pixels: longer side of the image in which features are detected
FEATURES = 800  # at most, an image
PATCH = 31  # pixels: side of the square that describes a feature
GRID = 16  # pixels: side of the thumbnail by which candidates are chosen
RATIO = 0.8  # at most, of the best to the second-best distance (Lowe 2004)
REPROJECTION = 6.0  # pixels that an inlier may be off, at SIDE: scenes are not flat, and hands move
MIN_FEATURES = 40  # an image with fewer (a wall, the sky) cannot be compared
MIN_INLIERS = 15  # different scenes had up to 10 by chance; two photos of one scene seldom have less than 50
MIN_OVERLAP = 0.4  # as between a 26 mm and a 40 mm lens (35 mm equivalent) from one place
MAX_ZOOM = 3.0  # a homography that scales more than this is an error


@dataclass(frozen=True, slots=True)
class View:
    """The features of an image that is upright and at most SIDE pixels long."""

    width: int
    height: int
    points: "Array"  # [n, 2], pixels
    descriptors: "npt.NDArray[np.uint8]"  # [n, 32]
    thumbnail: "Array"  # [GRID * GRID], mean 0, length 1


class Match(NamedTuple):
    """How well two views fit."""

    inliers: int = 0  # features that one homography maps
    share: float = 0.0  # of the features matched
    overlap: float = 0.0  # intersection over union of the two frames
    turn: float = 0.0  # degrees by which the second is turned against the first, clockwise, -180 to 180

    @property
    def fits(self) -> bool:
        """Whether both show one scene in about the same framing."""
        return self.inliers >= MIN_INLIERS and self.overlap >= MIN_OVERLAP

    @property
    def score(self) -> float:
        """The larger, the better the match; compares matches of one image."""
        return self.inliers * self.overlap


def opencv() -> ModuleType:
    """cv2, which compares the framing of pairs. Raises UsageError where it is not installed."""
    require("cv2")
    import cv2

    return cv2


def view(data: bytes) -> View:
    """The features of an image file. Raises BadPicture, and UsageError without OpenCV."""
    import numpy as np

    small = small_picture(data, SIDE)
    if isinstance(small, BadPicture):
        raise small
    picture = small.convert("L")
    points, descriptors = _features(np.asarray(picture))
    grid = np.asarray(picture.resize((GRID, GRID)), np.float32).ravel()
    grid -= grid.mean()
    return View(
        width=picture.width,
        height=picture.height,
        points=points,
        descriptors=descriptors,
        thumbnail=grid / max(float(np.linalg.norm(grid)), 1e-6),
    )


def compare(first: View, second: View) -> Match:
    """How well the features of `second` fit those of `first`; an all-zero Match when no homography is found."""
    import numpy as np

    cv2 = opencv()
    if min(len(first.points), len(second.points)) < 4:
        return Match()
    nearest = cv2.BFMatcher(cv2.NORM_HAMMING).knnMatch(first.descriptors, second.descriptors, k=2)
    good = [best for best, other in nearest if best.distance < RATIO * other.distance]
    if len(good) < 4:
        return Match()
    source = first.points[[match.queryIdx for match in good]]
    target = second.points[[match.trainIdx for match in good]]
    homography, mask = cv2.findHomography(source, target, cv2.RANSAC, REPROJECTION)
    if homography is None:
        return Match()
    inliers = int(np.count_nonzero(mask))
    overlap, turn = _frames(homography, first, second)
    return Match(inliers, inliers / len(good), overlap, turn) if overlap else Match()


def _features(grey: "npt.NDArray[np.uint8]") -> tuple["Array", "npt.NDArray[np.uint8]"]:
    """[n, 2] points and [n, 32] descriptors; n is 0 when the picture is smaller than PATCH."""
    import numpy as np

    orb = opencv().ORB_create(nfeatures=FEATURES, patchSize=PATCH, fastThreshold=10)
    keypoints, descriptors = orb.detectAndCompute(grey, None) if min(grey.shape) >= PATCH else ((), None)
    if descriptors is None:
        return np.zeros((0, 2), np.float32), np.zeros((0, 32), np.uint8)
    return np.array([point.pt for point in keypoints], np.float32), descriptors


def _frames(homography: "npt.NDArray[np.float64]", first: View, second: View) -> tuple[float, float]:
    """Overlap of the mapped first frame with the second, and the turn; (0, 0) when the mapping is impossible."""
    import numpy as np

    cv2 = opencv()
    corners, frame = _corners(first), _corners(second)
    moved = cv2.perspectiveTransform(corners[:, None], homography)[:, 0].astype(np.float32)
    if not np.isfinite(moved).all() or not cv2.isContourConvex(moved):
        return 0.0, 0.0
    scale = cv2.contourArea(moved, oriented=True) / cv2.contourArea(corners, oriented=True)  # negative: mirrored
    if not MAX_ZOOM**-2 < scale < MAX_ZOOM**2:
        return 0.0, 0.0
    shared, _ = cv2.intersectConvexConvex(moved, frame)
    right = (moved[1] + moved[2] - moved[0] - moved[3]) / 2
    overlap = shared / (cv2.contourArea(moved) + cv2.contourArea(frame) - shared)
    return overlap, math.degrees(math.atan2(right[1], right[0]))


def _corners(seen: View) -> "Array":
    """[4, 2]: clockwise from the top left."""
    import numpy as np

    return np.array([(0, 0), (seen.width, 0), (seen.width, seen.height), (0, seen.height)], np.float32)
