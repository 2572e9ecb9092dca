"""Data-set cards, attribution and publishing."""
