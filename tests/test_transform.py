"""The transforms: the stored variant's pixels, whatever the number of DataLoader workers."""

import io
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from flickrexif.core.errors import UsageError
from flickrexif.processing.operations import apply_variant
from flickrexif.processing.transform import MaskTransform, VariantTransform
from flickrexif.processing.variants import VARIANTS, variant
from tests.drawn import photograph

PAGE = Path(__file__).parents[1] / "docs" / "processing.md"


class Photographs:
    """A map-style data set of images and their ids, with a transform."""

    def __init__(self, transform: VariantTransform) -> None:
        self.transform = transform

    def __len__(self) -> int:
        return 12

    def __getitem__(self, number: int) -> bytes:
        image = self.transform(photograph(50, 40, number), f"photograph {number}")
        return f"{image.size}".encode() + image.tobytes()


@pytest.mark.parametrize("name", VARIANTS)
def test_the_image_is_the_stored_variants(name: str) -> None:
    image = photograph(50, 40)
    stored = Image.open(io.BytesIO(apply_variant(image, variant(name), seed=4, image_id="a")))
    found = VariantTransform(variant(name), seed=4)(image, "a")
    assert (found.mode, found.size) == ("RGB", stored.size)
    assert np.array_equal(np.asarray(found), np.asarray(stored.convert("RGB")))


def test_no_variant_but_identity_leaves_the_pixels_alone() -> None:
    image = photograph(50, 40)
    unchanged = [name for name in VARIANTS if VariantTransform(variant(name))(image, "a").tobytes() == image.tobytes()]
    assert unchanged == ["IDENTITY"]


def test_a_random_scale_needs_an_id() -> None:
    image = photograph(50, 40)
    with pytest.raises(UsageError, match="image_id"):
        VariantTransform(variant("INTERPOLATION_BOX"))(image)
    assert VariantTransform(variant("RESIZE_HALF"))(image).size == (25, 20)


def test_the_seed_and_the_id_change_the_scale() -> None:
    image = photograph(500, 10)
    transforms = [VariantTransform(variant("INTERPOLATION_BOX"), seed) for seed in range(3)]
    assert len({transform(image, image_id).width for transform in transforms for image_id in "abc"}) > 5


@pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")  # on a machine of one core
def test_dataloader_workers_make_the_same_images() -> None:
    from torch.utils.data import DataLoader

    transform = VariantTransform(variant("INTERPOLATION_LANCZOS"), seed=7)
    expected = [Photographs(transform)[number] for number in range(12)]
    loader: DataLoader[bytes] = DataLoader(
        Photographs(transform),  # type: ignore[arg-type]
        batch_size=2,
        num_workers=2,
        collate_fn=list,
        multiprocessing_context="spawn",
    )
    assert [image for batch in loader for image in batch] == expected


def test_they_compose_and_travel() -> None:
    for transform in (VariantTransform(variant("SHARPEN_2"), 3), MaskTransform(0.9)):
        assert pickle.loads(pickle.dumps(transform)) == transform


def test_the_mask_covers_its_share_of_the_area() -> None:
    white = Image.new("L", (224, 224), 255)
    for ratio in (0, 0.25, 0.5, 0.9, 1):
        black = (np.asarray(MaskTransform(ratio)(white)) == 0).all(axis=-1).mean()
        assert black == pytest.approx(ratio, abs=0.005)


def test_the_pages_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    photograph(50, 40).save("photo.jpg")
    names: dict[str, Any] = {"image": photograph(500, 400)}
    exec(example, names)
    assert names["sharpened"] == apply_variant(Path("photo.jpg").read_bytes(), variant("SHARPEN_2"))
    assert 400 <= names["smaller_or_larger"].width <= 600
