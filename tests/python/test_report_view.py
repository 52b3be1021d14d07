"""How numbers and tables are printed."""

import math

import pytest

from report.tables import Table
from report.text import Locale, number, short
from report.view import grid

LOCALE = Locale("en")


@pytest.mark.parametrize(
    "value, form, text",
    [
        (1234567, "int", "1,234,567"),
        (0.012345, "g3", "0.0123"),
        (1234.5, "g3", "1,234"),
        (-0.5, "f2", "−0.50"),
        (1.2e-7, "e1", "1.2e-07"),
        (0.1, "plain", "0.1"),
        (1.00012, "ratio", "1.000"),
        (41.263, "ratio", "41.26"),
        (1536, "kib", "1.5"),
        (math.nan, "f2", "–"),
        (0.0, "g3", "0"),
    ],
)
def test_numbers(value, form, text):
    assert number(value, form) == text


def test_numbers_in_sentences_are_short():
    assert short(1.0) == "1" and short(0.34672) == "0.347" and short(5.0) == "5"


def table(columns, formats, rows, **options):
    defaults = {"appendix": False, "wide": False, "pivot": "", "shown": []}
    return Table("gate", "T", columns, formats, rows, **{**defaults, **options})


def only_part(table):
    (part,) = grid(table, LOCALE).parts
    return part


def test_bounds_share_a_cell():
    shown = only_part(
        table(["arm", "gain", "low", "high"], ["text", "f2", "f2", "f2"], [["a", 1.0, 0.5, 1.5]])
    )
    assert [c.text for c in shown.head] == ["encoding", "best − none", "interval"]
    assert [c.text for c in shown.rows[0]] == ["a", "1.00", "0.50 … 1.50"]


def test_columns_without_anything_are_not_printed():
    shown = only_part(table(["arm", "gain"], ["text", "f2"], [["a", math.nan], ["b", math.nan]]))
    assert [c.text for c in shown.head] == ["encoding"]


def test_an_empty_table_keeps_its_head_and_says_why():
    shown = grid(table(["arm", "gain"], ["text", "f2"], []), LOCALE)
    assert len(shown.parts[0].head) == 2 and shown.parts[0].rows == []
    assert "No trainings" in shown.about


def test_a_pivot_prints_arms_beside_each_other():
    columns = ["hidden", "arm", "ns_per_element", "ratio", "low", "high"]
    rows = [
        [64, "a", 0.5, 1.0, 0.9, 1.1],
        [64, "b", 1.0, 2.0, 1.9, 2.1],
        [128, "a", 0.5, 1.0, 0.9, 1.1],
    ]
    formats = ["int", "text", "g3", "ratio", "ratio", "ratio"]
    shown = only_part(table(columns, formats, rows, pivot="arm", shown=["ratio", "ns_per_element"]))
    assert [c.text for c in shown.head] == ["d", "a", "b"]
    assert [[c.text for c in row] for row in shown.rows] == [
        ["64", "1.000", "2.000"],
        ["128", "1.000", "–"],
    ]
    assert shown.rows[0][2].below == "1.900 … 2.100\n1.00 ns"


def test_a_pivot_with_more_columns_than_a_page_takes_has_parts():
    columns = ["hidden", "arm", "ratio", "low", "high"]
    rows = [[64, f"arm{i}", 1.0, 0.9, 1.1] for i in range(7)] + [[128, "arm6", 2.0, 1.9, 2.1]]
    formats = ["int", "text", "ratio", "ratio", "ratio"]
    parts = grid(table(columns, formats, rows, pivot="arm", shown=["ratio"]), LOCALE).parts
    assert [len(part.head) for part in parts] == [1 + 6, 1 + 1]
    assert [row[0].text for row in parts[0].rows] == ["64"]  # 128 has none of these arms
    assert [[c.text for c in row] for row in parts[1].rows] == [["64", "1.000"], ["128", "2.000"]]


def test_a_pivot_over_numbers_has_them_in_order_and_shows_bounds_only_where_there_are_some():
    columns = ["arm", "from", "to", "loss", "n"]
    rows = [["a", 8, 15, 4.0, 7], ["a", 0, 7, 5.0, 9], ["a", 16, 23, 3.0, 1]]
    formats = ["text", "int", "int", "f2", "int"]
    shown = only_part(table(columns, formats, rows, pivot="from", shown=["loss"]))
    assert [c.text for c in shown.head] == ["encoding", "0", "8", "16"]
    assert [(c.text, c.below) for c in shown.rows[0][1:]] == [
        ("5.00", ""),
        ("4.00", ""),
        ("3.00", ""),
    ]


def test_a_pivot_keeps_studies_apart():
    columns = ["study", "hidden", "arm", "ratio", "low", "high"]
    rows = [["one", 64, "a", 1.0, 0.9, 1.1], ["other", 64, "b", 2.0, 1.9, 2.1]]
    formats = ["text", "int", "text", "ratio", "ratio", "ratio"]
    parts = grid(table(columns, formats, rows, pivot="arm", shown=["ratio"]), LOCALE).parts
    assert [[c.text for c in part.head][2:] for part in parts] == [["a"], ["b"]]
    assert [part.rows[0][0].text for part in parts] == ["one", "other"]


def test_csv_holds_numbers_in_full_and_gaps_as_nothing():
    text = table(["arm", "gain"], ["text", "f2"], [["a, b", 0.123456789], ["c", math.nan]]).csv()
    assert text == 'arm,gain\n"a, b",0.123456789\nc,\n'
