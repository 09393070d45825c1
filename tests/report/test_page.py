"""Wrapping, columns and prose."""

from __future__ import annotations

from rich.cells import cell_len

from ipcsim.report.page import Page


def test_paragraphs_wrap_between_words_and_hang() -> None:
    page = Page(30)
    page.paragraph("one two three four five six seven eight nine", indent=2, hanging=4)
    assert page.text() == "  one two three four five six\n      seven eight nine\n"


def test_long_words_are_not_broken() -> None:
    page = Page(20)
    page.paragraph("see " + "x" * 50 + " there")
    assert page.text() == f"see\n{'x' * 50}\nthere\n"


def test_columns_are_aligned_by_cells_not_characters() -> None:
    page = Page(60)
    page.columns([("共有", "a", "x:1"), ("mémoire", "b", "x:2")])
    lines = page.text().splitlines()
    assert cell_len(lines[0].partition("a")[0]) == cell_len(lines[1].rpartition("b")[0])


def test_the_middle_column_gives_way() -> None:
    page = Page(60)
    page.columns([("who", "word " * 12, "file.yaml:1"), ("other", "short", "file.yaml:2")])
    lines = page.text().splitlines()
    assert lines[0].endswith("file.yaml:1")
    assert lines[1].startswith("       word")
    assert max(map(len, lines)) <= 60


def test_where_there_is_no_room_cells_stand_below_each_other() -> None:
    page = Page(24)
    page.columns([("philosopher[0]", "holds fork[0], waits for fork[1]", "file.yaml:31")])
    assert page.text() == "philosopher[0]\n  holds fork[0], waits\n  for fork[1]\n  file.yaml:31\n"


def test_empty_columns_take_no_room() -> None:
    page = Page(40)
    page.columns([("a", "", "c"), ("b", "", "d")])
    assert page.text() == "a  c\nb  d\n"


def test_no_rows() -> None:
    page = Page()
    page.columns([])
    assert page.text() == ""


def test_prose_that_fits_is_left_alone() -> None:
    page = Page(40)
    page.prose("A picture:\n\n   o-o\n  /   \\\n")
    assert page.text() == "A picture:\n\n   o-o\n  /   \\\n"


def test_prose_that_does_not_fit_is_filled_anew() -> None:
    page = Page(30)
    page.prose("A first line that is somewhat long\nand goes on.\n\n- an item\n  in two lines\n- another")
    assert page.text() == (
        "A first line that is somewhat\nlong and goes on.\n\n- an item in two lines\n- another\n"
    )


def test_blank_lines_do_not_add_up() -> None:
    page = Page()
    page.blank()
    page.line("a")
    page.blank()
    page.blank()
    page.line("b")
    assert page.text() == "a\n\nb\n"
