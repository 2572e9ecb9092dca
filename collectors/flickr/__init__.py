"""The Flickr API: one client, one rate limiter, answers as typed records."""
