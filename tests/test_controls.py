"""The controls: features by their definitions, and what a linear probe reads from them."""

import io
import pickle
from collections.abc import Callable, Iterator
from random import Random

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.fft import dctn
from scipy.stats import kurtosis, skew
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from flickrexif.eval.encoders import load, resolve
from flickrexif.eval.encoders.backends.control import (
    COEFFICIENTS,
    COLUMNS,
    DCT_SIZE,
    LARGEST,
    RANDOM_SIZE,
    ROWS,
    block_dct,
    histograms,
    residual_moments,
)
from tests.samples import crop, jpeg, photographs, samples_and

SIZES = {"control:dct": DCT_SIZE, "control:colour": 6, "control:random": RANDOM_SIZE}
JPEG_CLASSES = [(75, 2), (75, 0), (85, 2), (85, 0), (95, 2), (95, 0)]  # quality; Pillow's subsampling, 2: 4:2:0


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Many threads on small matrices only wait for each other."""
    with threadpool_limits(1):
        yield


def noise(width: int = 60, height: int = 40, seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8))


def test_the_coefficients_are_scipys() -> None:
    channel = np.random.default_rng(0).normal(0, 50, (27, 35)).astype(np.float32)
    ours = block_dct(channel)
    assert ours.shape == (COEFFICIENTS, 3, 4)
    for row in range(3):
        for column in range(4):
            block = channel[8 * row : 8 * row + 8, 8 * column : 8 * column + 8]
            assert np.allclose(ours[:, row, column], dctn(block, norm="ortho")[ROWS, COLUMNS], atol=1e-3)


def test_the_frequencies_are_the_lowest_without_the_mean() -> None:
    sums = ROWS + COLUMNS
    assert len({*zip(ROWS.tolist(), COLUMNS.tolist(), strict=True)}) == COEFFICIENTS
    assert sums.min() == 1
    left_out = [v + u for v in range(8) for u in range(8) if not ((v == ROWS) & (u == COLUMNS)).any() and v + u]
    assert min(left_out) >= sums.max()


def test_the_histograms_are_numpys() -> None:
    values = np.random.default_rng(1).normal(0, 9, (3, 7, 5)).astype(np.float32)
    ours = histograms(values).reshape(3, LARGEST + 1)
    for mine, value in zip(ours, values, strict=True):
        magnitude = np.abs(np.rint(value)).ravel()
        expected = [np.mean(magnitude == k) for k in range(LARGEST)] + [np.mean(magnitude >= LARGEST)]
        assert np.allclose(mine**2, expected)


def test_the_residual_moments_are_scipys() -> None:
    channel = np.random.default_rng(2).gamma(2, 20, (30, 40)).astype(np.float32)
    residual = np.array(
        [
            [
                channel[y, x] - (channel[y - 1, x] + channel[y + 1, x] + channel[y, x - 1] + channel[y, x + 1]) / 4
                for x in range(1, 39)
            ]
            for y in range(1, 29)
        ]
    ).ravel()
    expected = [
        np.log1p(residual.std()),
        np.log1p(np.abs(residual).mean()),
        skew(residual) / 10,
        np.log1p(kurtosis(residual, fisher=False)),
    ]
    assert np.allclose(residual_moments(channel), expected, rtol=1e-3)


def test_colour_is_mean_and_variance() -> None:
    image = noise()
    pixels = np.asarray(image) / 255
    features = load(resolve("control:colour")).prepare(image, "id", None)
    assert np.allclose(features, [*pixels.mean((0, 1)), *pixels.var((0, 1))], atol=1e-6)


def test_random_knows_the_id_and_nothing_else() -> None:
    prepare = load(resolve("control:random")).prepare
    first = prepare(noise(seed=0), "a", None)
    assert np.array_equal(first, prepare(noise(seed=1), "a", 0.9))
    vectors = np.stack([prepare(noise(), str(i), None) for i in range(200)])
    assert abs(vectors.mean()) < 0.02
    assert abs(vectors.std() - 1) < 0.02
    correlations = np.corrcoef(vectors)[np.triu_indices(200, 1)]
    assert abs(correlations).max() < 0.35


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("size", [(1, 1), (7, 300), (60, 40), (1500, 900)])
def test_any_image_gives_the_size_that_the_record_tells(name: str, size: tuple[int, int]) -> None:
    encoder = load(resolve(name))
    features = encoder.prepare(noise(*size), "id", None)
    assert features.shape == (encoder.spec.embedding_size,) == (SIZES[name],)
    assert features.dtype == np.float32
    assert np.isfinite(features).all()
    batch = torch.from_numpy(np.stack([features, features]))
    assert torch.equal(encoder.embed(batch), batch)


@pytest.mark.parametrize("name", ["control:dct", "control:colour"])
def test_a_full_mask_hides_the_image(name: str) -> None:
    prepare = load(resolve(name)).prepare
    assert np.array_equal(prepare(noise(seed=0), "id", 1.0), prepare(noise(seed=1), "id", 1.0))
    assert not np.array_equal(prepare(noise(seed=0), "id", 0.5), prepare(noise(seed=0), "id", None))


@pytest.mark.parametrize("name", SIZES)
def test_the_preparation_travels_to_a_worker(name: str) -> None:
    prepare = load(resolve(name)).prepare
    assert np.array_equal(pickle.loads(pickle.dumps(prepare))(noise(), "id", 0.2), prepare(noise(), "id", 0.2))


def test_a_grey_image_is_read_as_its_rgb() -> None:
    prepare = load(resolve("control:dct")).prepare
    grey = noise().convert("L")
    assert np.array_equal(prepare(grey, "id", None), prepare(grey.convert("RGB"), "id", None))


# --- what a probe reads


@pytest.fixture(scope="module", params=samples_and("imagenet-samples"))
def photos(request: pytest.FixtureRequest) -> list[Image.Image]:
    """125 photos: those of ImageNet, or crops of 17 photographs, those of a photograph 17 apart."""
    if request.param:
        return [Image.open(path).convert("RGB") for path in sorted(request.param.glob("*.JPEG"))]
    draws = Random(0)
    return [crop(photograph, 256, draws) for photograph in photographs() * 8][:125]


def features_of(photos: list[Image.Image], name: str) -> np.ndarray:
    """Features [photos, 6 JPEG classes, d]."""
    prepare = load(resolve(name)).prepare
    return np.array(
        [
            [prepare(Image.open(io.BytesIO(jpeg(photo, *kind))).convert("RGB"), str(n), None) for kind in JPEG_CLASSES]
            for n, photo in enumerate(photos)
        ]
    )


def probe(make: Callable[[np.ndarray], np.ndarray], features: np.ndarray, tested: np.ndarray) -> float:
    """Accuracy over all classes of the tested photos; `make` gives each training photo its row of classes."""
    normalised = features / np.linalg.norm(features, axis=2, keepdims=True)
    rows, labels = make(np.flatnonzero(~tested))
    model = LogisticRegression(C=1e3, max_iter=200, tol=1e-3).fit(normalised[rows, labels], labels)
    predicted = model.predict(normalised[tested].reshape(-1, features.shape[2])).reshape(-1, 6)
    return float((predicted == np.arange(6)).mean())


def test_dct_reads_the_jpeg_class_of_photos_it_has_not_seen(photos: list[Image.Image]) -> None:
    features = features_of(photos, "control:dct")
    tested = np.arange(len(features)) % 17 % 5 == 0  # whole photographs, also of the crops
    assert 25 <= tested.sum() <= 40
    assert probe(lambda photos: (np.repeat(photos, 6), np.tile(np.arange(6), len(photos))), features, tested) >= 0.9


def test_random_stays_at_chance(photos: list[Image.Image]) -> None:
    features = features_of(photos, "control:random")
    accuracies = []
    for seed in range(10):
        draws = np.random.default_rng(seed)
        tested = draws.permutation(len(features)) < 25
        accuracies.append(probe(lambda photos: (photos, draws.integers(0, 6, len(photos))), features, tested))  # noqa: B023
    assert abs(np.mean(accuracies) - 1 / 6) <= 0.05
