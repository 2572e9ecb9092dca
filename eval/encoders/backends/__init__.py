"""The backends by name: one file each, and one entry here."""

from flickrexif.eval.encoders.backend import Backend
from flickrexif.eval.encoders.backends import control, module, open_clip, timm, torchhub, transformers

BACKENDS: dict[str, Backend] = {
    "control": control.BACKEND,
    "timm": timm.BACKEND,
    "open_clip": open_clip.BACKEND,
    "torchhub": torchhub.BACKEND,
    "transformers": transformers.BACKEND,
    "module": module.BACKEND,
}
