"""`python -m flickrexif.cli`."""

from flickrexif.cli import main

if __name__ == "__main__":
    main()
