"""Image variants with a known processing label: JPEG, sharpening, resizing, interpolation."""
