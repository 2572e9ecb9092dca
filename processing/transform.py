"""The variants and the mask as transforms of PIL images, for torch and torchvision pipelines."""

from dataclasses import dataclass

from PIL import Image

from flickrexif.core.errors import UsageError
from flickrexif.processing.operations import apply_mask, apply_variant, decode
from flickrexif.processing.variants import Variant


@dataclass(frozen=True, slots=True)
class VariantTransform:
    """`transform(image, image_id)` is the image as a reader of the stored variant would decode it.

    Holds no state, so any number of DataLoader workers make the same images.
    """

    variant: Variant
    seed: int = 0

    def __call__(self, image: Image.Image, image_id: str | None = None) -> Image.Image:
        """An RGB image. UsageError where the variant draws its scale and there is no id to draw it from."""
        if image_id is None and self.variant.is_random:
            raise UsageError(
                f"{self.variant.name} draws a scale for each image.", "Call the transform with (image, image_id)."
            )
        return decode(apply_variant(image, self.variant, seed=self.seed, image_id=image_id or ""))


@dataclass(frozen=True, slots=True)
class MaskTransform:
    """A centred black rectangle over `ratio` of the area; put after the resize and crop, before the tensor."""

    ratio: float

    def __call__(self, image: Image.Image) -> Image.Image:
        """An RGB image of the same size."""
        return apply_mask(image, self.ratio)
