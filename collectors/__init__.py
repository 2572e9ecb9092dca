"""Where photos come from: Flickr, a folder of one's own, and an embedded server for trying things."""
