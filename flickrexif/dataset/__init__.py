"""The FlickrExif data set: its tables, its splits, and how several are merged."""
