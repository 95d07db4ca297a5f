from rich.console import Console

from mien.core.tables import table_of, terminal_table


def text(table: object) -> list[str]:
    console = Console(width=40)
    with console.capture() as captured:
        console.print(table)
    return [line.strip() for line in captured.get().splitlines() if line.strip()]


def test_columns_are_in_the_order_of_their_first_row_and_empty_ones_are_left_out() -> None:
    assert table_of([{"model": "a", "sd": ""}, {"model": "b", "n": "3", "sd": ""}]) == (
        ["model", "n"],
        [["a", ""], ["b", "3"]],
    )
    assert table_of([]) == ([], [])


def test_a_terminal_table_shows_markup_as_it_is_and_breaks_headings_where_asked() -> None:
    head, rows = ["[b]run", "balanced accuracy"], [["[red]a", "0.5"]]
    assert text(terminal_table(head, rows))[::2] == ["[b]run   balanced accuracy", "[red]a                 0.5"]
    assert text(terminal_table(head, rows, narrow=True))[:2] == ["balanced", "[b]run  accuracy"]
