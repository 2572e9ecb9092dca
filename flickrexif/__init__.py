"""The FlickrExif data set: its records, labels and files, and the command line that makes them."""

from flickrexif.loading import load_dataset

__all__ = ["__version__", "load_dataset"]


def __getattr__(name: str) -> str:
    """`__version__`, looked up when asked for: that takes longer than the rest of this import."""
    if name == "__version__":
        from importlib.metadata import version

        return version("flickrexif")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
