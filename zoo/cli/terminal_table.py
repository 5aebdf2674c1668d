"""Tables for a terminal: as many columns as fit, long words folded; and whole, plain and aligned for a pipe."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TextIO

GAP = 2  # spaces between columns
NARROW = 16  # a column of names is not folded below that


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Args:
        heading: Its name.
        cells: One a row, as a terminal shows them.
        whole: One a row, unshortened; None where `cells` are that.
        right: Numbers stand to the right.
        names: Folded to a third of the width where longer.
    """

    heading: str
    cells: Sequence[str]
    whole: Sequence[str] | None = None
    right: bool = False
    names: bool = False


def print_table(
    columns: Sequence[Column], stream: TextIO, *, first: Sequence[str] = (), bold: int | None = None
) -> None:
    """Print a table; where it is not a terminal, all of it.

    Args:
        columns: In the order in which they stand.
        stream: Where to.
        first: Headings of columns that matter most, in that order; others follow in their own, as far as there is room.
            The first column always stands.
        bold: Row that stands out.
    """
    if not stream.isatty():
        rows = [[column.heading for column in columns]]
        rows += [list(row) for row in zip(*(column.whole or column.cells for column in columns), strict=True)]
        print("\n".join(aligned(rows, [column.right for column in columns])), file=stream)
        return
    width = terminal_width(stream)
    shaped = [_shaped(column, width) for column in columns]
    kept = _fitting(shaped, [column.heading for column in columns], first, width)
    _print_rich([shaped[at] for at in kept], stream, width, bold)
    left_out = [column.heading for at, column in enumerate(columns) if at not in kept]
    if left_out:
        print_lines(f"No room for {', '.join(left_out)}: a wider terminal, --csv or a pipe shows them.", stream)


def print_lines(text: str, stream: TextIO) -> None:
    """Print a sentence, broken at the terminal's width."""
    import textwrap

    if stream.isatty():
        text = textwrap.fill(text, terminal_width(stream), break_long_words=False, break_on_hyphens=False)
    print(text, file=stream)


def terminal_width(stream: TextIO) -> int:
    from rich.console import Console

    return Console(file=stream).width


def aligned(rows: Sequence[Sequence[str]], right: Sequence[bool]) -> list[str]:
    """Lines of plain text with columns two spaces apart.

    Example:
        >>> aligned([["name", "n"], ["a", "10"]], [False, True])
        ['name   n', 'a     10']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        (" " * GAP)
        .join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        )
        .rstrip()
        for row in rows
    ]


def fold(text: str, width: int) -> str:
    """Lines of at most `width` characters, broken behind - _ / and such where there is one.

    Example:
        >>> fold("transformer-breast_cancer", 14).splitlines()
        ['transformer-', 'breast_cancer']
    """
    lines = [""]
    for piece in re.findall(r"[^-_/=,. ]*[-_/=,. ]+|[^-_/=,. ]+", text):
        while len(piece) > width:  # no mark to break at
            head, piece = piece[: width - len(lines[-1])], piece[width - len(lines[-1]) :]
            lines[-1] += head
            lines.append("")
        if len(lines[-1]) + len(piece.rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return "\n".join(line.rstrip() for line in lines if line)


def _shaped(column: Column, width: int) -> Column:
    """The column with its long cells folded, and its heading to the width of its cells."""
    limit = max(NARROW, width // 3) if column.names else max(NARROW, width // 5)
    cells = [fold(cell, limit) for cell in column.cells]
    pieces = [len(piece) for piece in re.findall(r"[^-_/ ]+[-_/ ]?", column.heading)]
    heading = fold(column.heading, max([*map(_width, cells), *pieces, 4]))
    return Column(heading, cells, None, column.right, column.names)


def _width(cell: str) -> int:
    return max(map(len, cell.split("\n")))


def _fitting(columns: Sequence[Column], names: Sequence[str], first: Sequence[str], width: int) -> list[int]:
    """The places of the columns for which there is room."""
    order = [0, *(names.index(name) for name in first if name in names), *range(len(columns))]
    room, kept = width + GAP, set()
    for at in dict.fromkeys(order):
        needed = max(map(_width, [columns[at].heading, *columns[at].cells])) + GAP
        if needed <= room or at == 0:
            room -= needed
            kept.add(at)
    return sorted(kept)


def _print_rich(columns: Sequence[Column], stream: TextIO, width: int, bold: int | None) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(
            Text(column.heading),
            justify="right" if column.right else "left",
            vertical="top",
            no_wrap=True,
            overflow="ignore",
        )
    for number, row in enumerate(zip(*(column.cells for column in columns), strict=True)):
        table.add_row(*map(Text, row), style="bold green" if number == bold else None)
    Console(file=stream, width=max(width, 1), highlight=False).print(table, soft_wrap=False)
