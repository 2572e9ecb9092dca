"""`encoders`: the list of encoders with a name."""

from flickrexif.eval.encoders import EncoderRow, list_encoders


def encoders(family: str | None = None) -> tuple[EncoderRow, ...]:
    """The encoders of a family (CVL, SUP, SSL, CTL) or of all: the paper's 47, the offline one, the controls.

    Raises UsageError for an unknown family.
    """
    return tuple(list_encoders(family))
