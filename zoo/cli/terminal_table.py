"""Tables for a terminal: as many columns as fit, long words folded; and whole, plain and aligned for a pipe."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import TextIO

GAP = 2  # spaces between columns
NARROW = 16  # characters; a column of words is not folded below that


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Args:
        heading: Its name.
        cells: One a row, as a terminal shows them; those to the left are folded where long.
        whole: One a row, unshortened; None where `cells` are that.
        right: Numbers stand to the right.
        share: Of the terminal's width that the cells may take before they are folded.
    """

    heading: str
    cells: Sequence[str]
    whole: Sequence[str] | None = None
    right: bool = False
    share: float = 0.2

    @property
    def width(self) -> int:
        return max(map(_width, [self.heading, *self.cells]))


def print_table(
    columns: Sequence[Column], stream: TextIO, *, first: Sequence[str] = (), bold: int | None = None
) -> list[str]:
    """Print a table; where it is not a terminal, all of it.

    Args:
        columns: In the order in which they stand.
        stream: Where to.
        first: Headings of columns that matter most, in that order; others follow in their own, as far as there is room.
            The first column always stands.
        bold: Row that stands out.

    Returns:
        The headings of columns for which there was no room.
    """
    if not stream.isatty():
        rows = [[column.heading for column in columns]]
        rows += [list(row) for row in zip(*(column.whole or column.cells for column in columns), strict=True)]
        print("\n".join(aligned(rows, [column.right for column in columns])), file=stream)
        return []
    width = terminal_width(stream)
    shaped = [_shaped(column, width) for column in columns]
    kept = _fitting(shaped, [column.heading for column in columns], first, width)
    _print_styled([shaped[at] for at in kept], stream, bold)
    return [column.heading for at, column in enumerate(columns) if at not in kept]


def print_lines(text: str, stream: TextIO) -> None:
    """Print a sentence, broken at the terminal's width."""
    if stream.isatty():
        text = textwrap.fill(text, terminal_width(stream), break_long_words=False, break_on_hyphens=False)
    print(text, file=stream)


def terminal_width(stream: TextIO) -> int:
    """Characters a line."""
    from rich.console import Console

    return Console(file=stream).width


def aligned(rows: Sequence[Sequence[str]], right: Sequence[bool]) -> list[str]:
    """Lines of plain text with columns two spaces apart.

    Example:
        >>> aligned([["name", "n"], ["a", "10"]], [False, True])
        ['name   n', 'a     10']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [(" " * GAP).join(map(_padded, row, widths, right)).rstrip() for row in rows]


def _padded(cell: str, width: int, right: bool) -> str:
    return cell.rjust(width) if right else cell.ljust(width)


def fold(text: str, width: int) -> str:
    """Lines of at most `width` characters, broken behind - _ / or before a capital where there is one, and about equal.

    Example:
        >>> fold("transformer-breast_cancer-2", 24).splitlines()
        ['transformer-', 'breast_cancer-2']
        >>> fold("TransformerClassifier", 16).splitlines()
        ['Transformer', 'Classifier']
    """
    folded = _broken(text, width)
    for narrower in range(width - 1, 0, -1):
        tried = _broken(text, narrower)
        if len(tried) > len(folded):
            break
        folded = tried
    return "\n".join(folded)


def _broken(text: str, width: int) -> list[str]:
    lines = [""]
    for piece in re.findall(r"[-_/=,. ]*(?:[A-Z]+[^-_/=,. A-Z]*|[^-_/=,. A-Z]+)?[-_/=,. ]*", text):
        while len(piece.rstrip()) > width:  # no mark to break at
            room = width - len(lines[-1])
            lines[-1] += piece[:room]
            lines.append("")
            piece = piece[room:]
        if len(lines[-1]) + len(piece.rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return [line.rstrip() for line in lines if line] or [""]


def _shaped(column: Column, width: int) -> Column:
    """The column with its long words folded, and its heading to the width of its cells."""
    limit = max(NARROW, int(width * column.share))
    cells = list(column.cells) if column.right else [fold(cell, limit) for cell in column.cells]
    pieces = [len(piece.rstrip()) for piece in re.findall(r"[^-_/ ]+[-_/ ]?", column.heading)]
    heading = "\n".join(_broken(column.heading, max([*map(_width, cells), *pieces])))
    return replace(column, heading=heading, cells=cells, whole=None)


def _width(cell: str) -> int:
    return max(map(len, cell.split("\n")))


def _fitting(columns: Sequence[Column], names: Sequence[str], first: Sequence[str], width: int) -> list[int]:
    """The places of the columns for which there is room."""
    order = [0, *(names.index(name) for name in first if name in names), *range(len(columns))]
    room, kept = width + GAP, set()
    for at in dict.fromkeys(order):
        needed = columns[at].width + GAP
        if needed <= room or at == 0:
            room -= needed
            kept.add(at)
    return sorted(kept)


def _print_styled(columns: Sequence[Column], stream: TextIO, bold: int | None) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(file=stream, highlight=False)
    rows = [[column.heading.split("\n") for column in columns]]
    rows += [[cell.split("\n") for cell in row] for row in zip(*(column.cells for column in columns), strict=True)]
    height = max(map(len, rows[0]))
    rows[0] = [[""] * (height - len(cell)) + cell for cell in rows[0]]  # headings stand on their columns
    for number, row in enumerate(rows, start=-1):
        style = "bold" if number < 0 else "bold green" if number == bold else ""
        for line in zip_longest(*row, fillvalue=""):
            cells = map(_padded, line, (column.width for column in columns), (column.right for column in columns))
            console.print(Text((" " * GAP).join(cells).rstrip(), style), soft_wrap=True)
