"""`python -m flickrexif`."""

from flickrexif.cli import main

if __name__ == "__main__":
    main()
