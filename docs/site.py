"""A hook of mkdocs: pages of the site that lie outside of `docs/`, and links to files that are no pages."""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "CHANGELOG.md",
    "CONTRIBUTING.md": "CONTRIBUTING.md",
    "SECURITY.md": "SECURITY.md",
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages, their links as seen from `docs/`."""
    for name, page in PAGES.items():
        files.append(File.generated(config, page, content=_within_docs((ROOT / name).read_text("utf-8"))))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """Show what is linked to above `docs/` by its name alone: it is part of a checkout, not of the site."""
    return re.sub(r"\[([^\]]*)\]\(\.\./[^)]*\)", r"\1", markdown)


def _within_docs(markdown: str) -> str:
    outside = re.sub(r"\]\((?!docs/|https?:|#)([^)]+)\)", r"](../\1)", markdown)
    for name, page in PAGES.items():
        outside = outside.replace(f"](../{name})", f"]({page})")
    return outside.replace("](docs/", "](")
