"""Draws what a report shows: for the page, for print, as tables."""
