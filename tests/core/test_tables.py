from pathlib import Path

import pytest
from rich.console import Console

import mien
from mien.core.tables import table_of, terminal_table


def text(table: object, width: int = 40) -> list[str]:
    console = Console(width=width)
    with console.capture() as captured:
        console.print(table)
    return [line.strip() for line in captured.get().splitlines() if line.strip()]


def test_columns_are_in_the_order_of_their_first_row_and_empty_ones_are_left_out() -> None:
    assert table_of([{"model": "a", "sd": ""}, {"model": "b", "n": "3", "sd": ""}]) == (
        ["model", "n"],
        [["a", ""], ["b", "3"]],
    )
    assert table_of([]) == ([], [])


def test_a_terminal_table_shows_markup_as_it_is_and_breaks_headings_where_it_must() -> None:
    head, rows = ["[b]run", "balanced accuracy"], [["[red]a", "0.5"]]
    assert text(terminal_table(head, rows))[::2] == ["[b]run   balanced accuracy", "[red]a                 0.5"]
    assert text(terminal_table(head, rows), 20)[:2] == ["balanced", "[b]run  accuracy"]


HEAD = ["expression", "level", "participants with both", "mean", "95 % interval", "corrected p", "why not usable"]
ROW = ["surprise", "stress", "1,203", "0.0123", "-0.012 to 0.0345", "<0.0001", "profile 12, small 3, no face 40"]


@pytest.mark.parametrize("width", [40, 60, 80, 120, 10_000])
def test_no_width_cuts_a_text_or_a_row_s_name(width: int) -> None:
    lines = text(terminal_table(HEAD, [ROW, [*ROW[:1], "calm", *ROW[2:]]], left=2), width)
    assert max(map(len, lines)) <= width
    assert "…" not in "".join(lines)
    rows = [line for line in lines if line.startswith("surprise")]
    assert [line.split()[1] for line in rows] == ["stress", "calm"] * (len(rows) // 2)
    stress = "  ".join(rows[::2])
    assert all(cell in stress for cell in ROW[:-1])
    assert all(word in " ".join(lines) for name in (*HEAD, ROW[-1]) for word in name.split())


def test_blocks_repeat_the_first_columns_and_hold_the_others_once_in_order() -> None:
    numbers = [f"0.{number:04}" for number in range(20)]
    lines = text(terminal_table(["", *map(str, range(20))], [["a", *numbers]]), 60)
    rows = [line.split() for line in lines if line.startswith("a")]
    assert list(map(len, rows)) == [8, 8, 7]
    assert [cell for row in rows for cell in row[1:]] == numbers


def test_names_too_long_for_a_line_are_broken_and_figures_are_not() -> None:
    name = "recordings/2026/" + "x" * 60 + ".mp4"
    lines = text(terminal_table(["video", "frames", "usable"], [[name, "12,345", "99.9%"]]))
    assert max(map(len, lines)) <= 40
    assert lines[2].split()[1:] == ["12,345", "99.9%"]
    assert "".join(line.split()[0] for line in lines[2:]) == name


def test_texts_go_over_two_lines_before_a_table_becomes_two() -> None:
    rows = [["a.jpg", "happy 99% (uncertain)", "1 2 3 4"], ["b.jpg", "sad 80%", "5 6 7 8"]]
    assert text(terminal_table(["file", "expression", "box"], rows), 29)[2:] == [
        "a.jpg  happy 99%    1 2 3 4",
        "(uncertain)",
        "b.jpg  sad 80%      5 6 7 8",
    ]


def test_all_tables_are_made_here() -> None:
    source = Path(mien.__file__).parent
    found = [path for path in source.rglob("*.py") if "rich.table import Table" in path.read_text(encoding="utf-8")]
    assert [path.relative_to(source).as_posix() for path in found] == ["core/tables.py"]
