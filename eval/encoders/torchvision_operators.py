"""Makes `import torchvision` work beside a CPU build of torch.

torchvision's wheel on the package index is built for CUDA. Beside a torch without CUDA its compiled operators do not
load, and its import then fails at the first of them ("operator torchvision::nms does not exist"), and with it that of
open_clip and timm. None of the encoders uses these operators: declaring the two schemas that the import names is
enough. Import this module before torchvision, open_clip or timm.
"""

from importlib.util import find_spec
from pathlib import Path

import torch

SCHEMAS = tuple(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor" for name in ("nms", "qnms"))


def operators_load() -> bool:
    """Whether torchvision's compiled operators fit this torch (True too when torchvision brings none)."""
    spec = find_spec("torchvision")
    folders = (spec.submodule_search_locations or []) if spec else []
    for library in (file for folder in folders for file in Path(folder).glob("_C*.so")):
        try:
            torch.ops.load_library(str(library))  # type: ignore[no-untyped-call]
        except OSError:
            return False
    return True


# The fragment must outlive this module's import: torch withdraws the declarations with it.
FRAGMENT = None if operators_load() else torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
if FRAGMENT is not None:
    for schema in SCHEMAS:
        FRAGMENT.define(schema)  # type: ignore[no-untyped-call]
