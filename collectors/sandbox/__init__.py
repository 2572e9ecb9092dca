"""An embedded server that answers as Flickr does, for demonstrations and tests: server.Sandbox."""
