"""Embedding files to result records."""
