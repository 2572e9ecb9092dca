"""Preparations of images, of which some kill their process. Nothing heavy is imported, as each process imports it."""

import os
import signal

import numpy as np
from PIL import Image

SIDE = 12


def small(image: Image.Image, image_id: str, mask: float | None) -> np.ndarray:
    """The image at SIDE x SIDE, its middle black where masked, [3, SIDE, SIDE] in [0, 1]."""
    pixels = np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX), np.float32) / 255
    if mask:
        pixels = pixels.copy()
        pixels[2:-2, 2:-2] = 0
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def deadly(image: Image.Image, image_id: str, mask: float | None) -> np.ndarray:
    """Kills the process that prepares."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


DEADLY = "photograph 0/01.jpg"


def deadly_once(image: Image.Image, image_id: str, mask: float | None) -> np.ndarray:
    """Kills the process that prepares one of the images."""
    return deadly(image, image_id, mask) if image_id == DEADLY else small(image, image_id, mask)
