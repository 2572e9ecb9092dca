"""The look of a device: how it renders tones and colours, whatever the scene.

Phones lift shadows and strengthen colours, the simulated cameras do the opposite, and each maker has its own white
balance. So of two scenes that are much alike, those of one kind of device look more alike: the camera pulls.
"""

from functools import cache

from flickrexif.collectors.sandbox.cameras import Device
from flickrexif.core.draws import rng


@cache
def look(device: Device) -> list[int]:
    """A lookup table for Y, Cb and Cr, the same for all phones and for all cameras of a maker."""
    draw = rng(0, "look", device.make)
    gamma = (0.8 if device.is_phone else 1.25) * draw.uniform(0.93, 1.07)
    colour = (1.25 if device.is_phone else 0.8) * draw.uniform(0.9, 1.1)
    casts = [draw.uniform(-5, 5) for _ in range(2)]
    luma = [255 * (level / 255) ** gamma for level in range(256)]
    chroma = [128 + (level - 128) * colour + cast for cast in casts for level in range(256)]
    return [min(max(round(level), 0), 255) for level in (*luma, *chroma)]
