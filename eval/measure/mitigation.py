"""Removes the trace of a processing from embeddings, in one of three ways.

    centring   subtract the mean of the embedding's processing (which must be known), add the mean of all
    leace      project away the linear subspace that predicts the processing (Belrose et al. 2023, arXiv:2306.03819)
    averaging  replace a test image's embedding by the mean over its processings

All take embeddings of length 1, and are fitted on the training images alone.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

Variants = Sequence[Tensor]
"""The same images under each class of a processing: V times [n, d]."""
Change = Callable[[Variants], list[Tensor]]
"""One mitigation, ready to be applied: variants in, changed variants out."""


def unchanged(variants: Variants) -> list[Tensor]:
    """The embeddings as they are."""
    return list(variants)


def centring(train: Variants) -> Change:
    """Moves the mean of each class to the mean of all classes, as the training images have them."""
    means = [variant.double().mean(0) for variant in train]
    shifts = [(torch.stack(means).mean(0) - mean).float() for mean in means]
    return lambda variants: [variant + shift for variant, shift in zip(variants, shifts, strict=True)]


def leace(train: Variants) -> Change:
    """Removes the directions in which the means of the classes differ, with the least change to the training images.

    No linear classifier can then tell the classes of the training images better than by chance. To apply it, the class
    of an image need not be known.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the package's import calls torch.jit.script
        from concept_erasure import LeaceFitter

    classes, width = len(train), train[0].shape[1]
    # The statistics in float64; `svd_tol` and the trace constraint would leave part of the subspace in place.
    fitter = LeaceFitter(
        width, classes, device=train[0].device, dtype=torch.float64, svd_tol=1e-9, constrain_cov_trace=False
    )
    for label, variant in enumerate(train):
        concept = torch.zeros(len(variant), classes, dtype=torch.float64, device=variant.device)
        concept[:, label] = 1
        fitter.update(variant.double(), concept)
    eraser = fitter.eraser
    return lambda variants: [eraser(variant.double()).float() for variant in variants]


def averaging(variants: Variants) -> list[Tensor]:
    """Replaces each variant of an image by the mean of its variants."""
    mean = sum(variant / len(variants) for variant in variants)
    assert isinstance(mean, Tensor)
    return [mean] * len(variants)


def mitigations(train: Variants) -> Mapping[str, tuple[Change, Change]]:
    """Name -> (what is done to training images, what is done to test images), fitted on `train`."""
    centred, erased = centring(train), leace(train)
    return {
        "none": (unchanged, unchanged),
        "centring": (centred, centred),
        "leace": (erased, erased),
        "averaging": (unchanged, averaging),
    }
