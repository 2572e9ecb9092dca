"""Strangers' text in Markdown: a real renderer shows exactly the text, in exactly one cell."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from flickrexif.cards.markdown import CELL_LENGTH, TEXT_LENGTH, alignments, cell, code, text
from flickrexif.core.text import plain

RENDERER = MarkdownIt("commonmark").enable("table").enable("strikethrough")
ACTIVE = "\\`*_{}[]<>()#+-.!|&~$^=:;/@'\"%,0123456789 \n\t\r\u2028\u202e\u200b\u00a0aA"
STRANGERS = st.text(st.sampled_from(ACTIVE) | st.characters(), max_size=60) | st.sampled_from(
    ["1. one", "2) two", "- item", "# head", "==", "---", "***", "> quote", "    code", "```", "~~~", "a_b_ c", "&lt;",
     "[a](b)", "![a](b)", "[a]: b", "<b>", "<!-- x -->", "<http://a.b>", "http://a.b", "|", "||", "\\|", "a|b\\", "`|`"]
)  # fmt: skip


def inline(tokens: list[Token]) -> list[Token]:
    return [token for token in tokens if token.type == "inline"]


def shown(token: Token) -> str:
    assert {child.type for child in token.children or ()} <= {"text", "text_special"}
    return "".join(child.content for child in token.children or ())


@given(STRANGERS)
def test_a_cell_is_one_cell_of_plain_text(value: str) -> None:
    page = f"| a | b |\n| --- | --- |\n| {cell(value)} | end |\n| next | row |\n"
    tokens = RENDERER.parse(page)
    cells = [shown(token) for token in inline(tokens)]
    assert cells == ["a", "b", plain(value, CELL_LENGTH), "end", "next", "row"]
    assert [token.type for token in tokens].count("tr_open") == 3


@given(STRANGERS)
def test_text_on_a_line_of_its_own_is_a_paragraph(value: str) -> None:
    tokens = RENDERER.parse(f"before\n\n{text(value)}\n\nafter\n")
    expected = ["before", *filter(None, [plain(value, TEXT_LENGTH)]), "after"]
    assert [shown(token) for token in inline(tokens)] == expected
    assert {token.type for token in tokens} == {"paragraph_open", "inline", "paragraph_close"}


@given(STRANGERS)
@example("0 #")
def test_text_in_a_list_in_an_image_and_after_a_heading_mark(value: str) -> None:
    page = f"- {text(value)}\n\n![{text(value)}](figures/a.png)\n\n### x {text(value)}\n"
    tokens = RENDERER.parse(page)
    assert [token.type for token in tokens].count("list_item_open") == 1
    images = [child for token in inline(tokens) for child in token.children or () if child.type == "image"]
    assert [image.attrs["src"] for image in images] == ["figures/a.png"]
    alt = "".join(child.content for child in images[0].children or ())
    assert alt == plain(value, TEXT_LENGTH)
    heading = inline(tokens)[-1]
    assert shown(heading) == f"x {plain(value, TEXT_LENGTH)}".rstrip()


@given(STRANGERS)
@example("__0__")
def test_a_name_in_code_type_shows_the_name(value: str) -> None:
    tokens = inline(RENDERER.parse(f"| a |\n| --- |\n| {code(value)} |\n"))
    children = tokens[1].children or []
    assert {child.type for child in children} <= {"text", "text_special", "code_inline"}
    assert "".join(child.content for child in children) == plain(value, CELL_LENGTH)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, ""),
        (0, "0"),
        (1234567, "1,234,567"),
        (0.0, "0.0"),
        (12.34, "12.3"),
        (1234.5, "1,234.5"),
        (0.0412, "0.041"),
        (-0.5, "-0.5"),
        ("Canon EOS 5D", "Canon EOS 5D"),
        ("1/125", "1/125"),
        ("1.8", "1.8"),
        ("OLYMPUS OPTICAL CO.,LTD", "OLYMPUS OPTICAL CO.,LTD"),
        ("aperture_class", "aperture_class"),
        ("sandbox:simulated", "sandbox:simulated"),
        ("http://a.example", "http&#58;//a.example"),
        ("www.a.example", "www&#46;a.example"),
        ("a|b", "a&#124;b"),
    ],
)
def test_cells_as_written(value: str | float | None, written: str) -> None:
    assert cell(value) == written


def test_long_text_is_cut() -> None:
    assert len(cell("a" * 10_000)) == CELL_LENGTH
    assert len(text("a" * 10_000)) == TEXT_LENGTH


def test_columns_of_numbers_stand_right() -> None:
    rows = [("a", 1, None, None), ("b", 2.5, 3, None), ("c", None, 4, "x")]
    assert alignments(rows, 4) == ["---", "---:", "---:", "---"]
    assert alignments([], 2) == ["---", "---"]
