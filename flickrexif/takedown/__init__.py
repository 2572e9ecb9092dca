"""Photos that must go: asked for by their owners, or no longer on Flickr."""
