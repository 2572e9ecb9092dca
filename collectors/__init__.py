"""Where photos come from: Flickr, a folder of your own, and an embedded server for trials and tests."""
