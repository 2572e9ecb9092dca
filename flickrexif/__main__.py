"""`flickrexif` and `python -m flickrexif`."""

import signal


def main() -> None:
    """Load the commands, and run the one that was typed; Ctrl-C before they are loaded ends it without a word."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from flickrexif.cli import main as run

    run()


if __name__ == "__main__":
    main()
