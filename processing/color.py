"""Colour spaces: from a picture's own profile to sRGB, and from sRGB to Display P3."""

import io

import numpy as np
from PIL import Image, ImageCms

ROWS = 256  # at a time, so that the floating-point copy of a large picture stays small

# Linear sRGB to linear Display P3, both with the white D65 (CSS Color Module Level 4, sample code).
SRGB_TO_P3 = np.array(
    [
        [0.8224619687143623, 0.17753803128563775, 0.0],
        [0.03319419885096161, 0.9668058011490384, 0.0],
        [0.017082631072112017, 0.07239744066396346, 0.9105199282639245],
    ]
)


def to_srgb(image: Image.Image) -> Image.Image:
    """The RGB image as its ICC profile means it, in sRGB, by littleCMS with the perceptual intent.

    As in browsers, an image without a profile, with an unreadable one or with one that is not RGB counts as sRGB.
    """
    profile = image.info.get("icc_profile")
    if not profile:
        return image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space.strip() != "RGB":
            return image
        return ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB")) or image
    except (ImageCms.PyCMSError, OSError):
        return image


def to_display_p3(image: Image.Image) -> Image.Image:
    """The RGB image, taken as sRGB, as values of Display P3 (the same transfer curve, wider primaries)."""
    values = np.arange(256) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    pixels = np.array(image)
    for top in range(0, len(pixels), ROWS):
        light = linear[pixels[top : top + ROWS]] @ SRGB_TO_P3.T
        encoded = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
        pixels[top : top + ROWS] = np.round(encoded * 255).clip(0, 255)
    return Image.fromarray(pixels)
