"""What the shell completes: names of encoders, tasks, parameters, variants and attributes.

What has the names is imported when they are asked for, so that the program starts fast.
"""


def encoder_names() -> list[str]:
    """Encoders of the registry and collections."""
    from flickrexif.eval.encoders.registry import collections, registered_encoders

    return [*registered_encoders(), *collections()]


def tasks() -> list[str]:
    """Measurements."""
    from flickrexif.eval.measure import MEASUREMENTS

    return ["all", *MEASUREMENTS]


def parameters() -> list[str]:
    """Processing parameters."""
    from flickrexif.processing.variants import PARAMETERS

    return list(PARAMETERS)


def variants() -> list[str]:
    """Variants of images."""
    from flickrexif.processing.variants import VARIANTS

    return list(VARIANTS)


def parameters_and_variants() -> list[str]:
    """Both."""
    return parameters() + variants()


def attributes() -> list[str]:
    """Attributes that photos are split by."""
    from flickrexif.dataset.splits import ATTRIBUTES

    return list(ATTRIBUTES)
