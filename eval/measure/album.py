"""Images that people look at, beside a kind by which they are compared: whose camera, or which processing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from flickrexif.eval.measure.base import Inputs
from flickrexif.eval.measure.inputs import labelled_photos, train_and_test, uniform_draws
from flickrexif.processing.variants import classes as classes_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Album:
    """Images with an embedding and a kind, by which neighbours are compared; a row an image."""

    embeddings: Tensor  # [n, d]
    ids: Sequence[str]
    kind: Sequence[int]  # the label (smart or not), or the number of the variant
    spread: Sequence[str]  # what queries should differ in too: the photographer, or the semantic class
    names: Sequence[str]  # of the kinds
    labels: Sequence[str]  # the text below an image: its class, "" where it has none
    variants: Sequence[str | None]
    left_out: Mapping[str, int]


def album_of_photos(inputs: Inputs) -> Album:
    """The photos with an embedding and a label smart or not, by rising Flickr ID."""
    photos = labelled_photos(inputs)
    order = sorted(range(len(photos.ids)), key=photos.ids.__getitem__)
    ids = [photos.ids[row] for row in order]
    kind = [photos.labels[row] for row in order]
    return Album(
        embeddings=photos.embeddings[torch.tensor(order)],
        ids=list(map(str, ids)),
        kind=kind,
        spread=[photos.owners.get(flickr_id, str(flickr_id)) for flickr_id in ids],
        names=photos.classes,
        labels=[photos.classes[label] for label in kind],
        variants=[None] * len(ids),
        left_out=photos.left_out,
    )


def album_of_variants(inputs: Inputs, parameter: str, seed: int) -> Album:
    """The test images, each in the processing that the seed draws for it."""
    images, names = train_and_test(inputs), classes_of(parameter)
    test = images.test
    drawn = uniform_draws(parameter, test.ids, [seed])[0].tolist()
    embeddings = [test.embeddings[variant][row].float() for row, variant in enumerate(drawn)]
    labels = [_class_name(images.class_names, number) if images.labelled else "" for number in test.labels.tolist()]
    return Album(
        embeddings=torch.stack(embeddings) if embeddings else torch.empty(0, 1),
        ids=test.ids,
        kind=drawn,
        spread=labels,
        names=names,
        labels=labels,
        variants=[names[variant] for variant in drawn],
        left_out=images.left_out,
    )


def _class_name(names: Sequence[str], number: int) -> str:
    """The name of a class; its number where there are no names, "" for no class."""
    return names[number] if 0 <= number < len(names) else str(number) if number >= 0 else ""
