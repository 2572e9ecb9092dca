"""Data-set cards, attribution and publishing."""

from flickrexif.cards.card import check_card, write_card

__all__ = ["check_card", "write_card"]
