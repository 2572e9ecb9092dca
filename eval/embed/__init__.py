"""Images to embedding files."""
