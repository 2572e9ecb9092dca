"""docs/troubleshooting.md quotes the code: each sentence is still said, and each option that it names is there."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_imports import modules

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/troubleshooting.md").read_text("utf-8")
ROWS = re.findall(r"^\| (`.+?) \| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE)
ANY = "…"


def templates() -> Iterator[str]:
    """Every text of the code, with … for what is filled in."""
    for path in modules().values():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.JoinedStr):
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else ANY for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield re.sub(r"\{[^{}]*\}", ANY, node.value)


SAID = "\n".join(templates())


@pytest.mark.parametrize("quote", [row[0] for row in ROWS])
def test_what_is_quoted_is_said(quote: str) -> None:
    (text,) = re.findall(r"`([^`]+)`", quote)
    assert text.removeprefix(f"{ANY} ").removesuffix(f" {ANY}") in SAID


def test_each_row_says_what_it_means_and_what_to_do() -> None:
    assert len(ROWS) > 70
    assert [row for row in ROWS if not all(row)] == []


def test_the_options_that_it_names_are_there() -> None:
    reference = (ROOT / "docs/cli.md").read_text("utf-8")
    options = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", PAGE))
    assert len(options) > 15
    assert [option for option in options if option not in reference] == []
