"""Pieces of columns -> whole columns in the smallest types that hold them.

Whole numbers take as many bytes as they need, and words are numbered, with one dictionary for all pieces: a table takes
about a third of what it takes as 64-bit numbers and strings, while it is read as well as after.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

import pyarrow as pa
import pyarrow.compute as pc

_WHOLE = (pa.int8(), pa.int16(), pa.int32(), pa.int64())
MOST_WORDS = 1000  # different words of a piece up to which they are numbered
MOST_SHARED_WORDS = 2**15  # of all pieces together; each piece looks all of them up
MOST_SHARED_BYTES = 2**26  # that these take
_LONGEST_STRINGS = 2**31 - 1  # bytes that one array of ordinary strings holds


class ColumnPieces:
    """What the pieces of one column share: the dictionary of its words. Pieces may come from several threads.

    Texts are no words: where the dictionary becomes large, or holds half of the rows, they stay as they are from there.
    """

    def __init__(self) -> None:
        self.are_texts = False
        self._words: pa.Array | None = None
        self._n_rows = 0
        self._lock = Lock()

    def compact(self, piece: pa.Array) -> pa.Array:
        """A piece in a small type; words as their numbers in the shared dictionary."""
        if pa.types.is_dictionary(piece.type):
            return self._numbered(piece)
        return _narrow(piece) if pa.types.is_signed_integer(piece.type) else piece

    def join(self, pieces: Sequence[pa.Array]) -> pa.Array:
        """The whole column, one array. The pieces are those that `compact` gave, in the order of the file."""
        words = self._words
        if self.are_texts and words is not None:
            pieces = [words.take(piece) if piece.type in _WHOLE else piece for piece in pieces]
        kind = max((piece.type for piece in pieces), key=lambda kind: kind.bit_width if kind in _WHOLE else 0)
        if pa.types.is_string(kind) and sum(piece.nbytes for piece in pieces) > _LONGEST_STRINGS:
            kind = pa.large_string()
        column = pa.concat_arrays([piece.cast(kind) for piece in pieces])
        return column if words is None or self.are_texts else pa.DictionaryArray.from_arrays(column, words)

    def _numbered(self, piece: pa.DictionaryArray) -> pa.Array:
        with self._lock:
            self._n_rows += len(piece)
            places = None if self.are_texts else self._places(piece.dictionary)
        if places is None:
            return piece.dictionary_decode()
        return places.take(piece.indices)

    def _places(self, words: pa.Array) -> pa.Array | None:
        """The numbers of words in the shared dictionary, which learns those it lacks; None where they are texts."""
        known = self._words if self._words is not None else words.slice(0, 0)
        places = pc.index_in(words, value_set=known)
        if places.null_count:
            new = words.filter(places.is_null())
            count, n_bytes = len(known) + len(new), known.nbytes + new.nbytes
            most = min(max(MOST_WORDS, self._n_rows // 2), MOST_SHARED_WORDS)
            if _is_words(words.type) and (count > most or n_bytes > MOST_SHARED_BYTES):
                self.are_texts = True
                return None
            known = pa.concat_arrays([known, new])
            places = pc.index_in(words, value_set=known)
        self._words = known
        return places.cast(smallest(len(known)))


def compact_table(table: pa.Table) -> pa.Table:
    """Whole numbers and words of a table in small types, as those of a CSV; other columns stay as they are."""
    return pa.table([_compact_column(column) for column in table.columns], names=table.column_names)


def _compact_column(column: pa.ChunkedArray) -> pa.ChunkedArray | pa.Array:
    kind, chunks = column.type, column.chunks
    if not chunks or not (pa.types.is_signed_integer(kind) or pa.types.is_string(kind) or pa.types.is_dictionary(kind)):
        return column
    as_words = pa.types.is_string(kind) and len(chunks[0].unique()) <= MOST_WORDS
    pieces = ColumnPieces()

    def compact(chunk: pa.Array) -> pa.Array:
        return pieces.compact(chunk.dictionary_encode() if as_words and not pieces.are_texts else chunk)

    return pieces.join([compact(chunk) for chunk in chunks])


def smallest(count: int) -> pa.DataType:
    """The type for the whole numbers below `count`."""
    return next(kind for kind in _WHOLE if count <= 2 ** (kind.bit_width - 1))


def _is_words(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _narrow(column: pa.Array) -> pa.Array:
    ends = pc.min_max(column)
    low, high = ends["min"].as_py(), ends["max"].as_py()
    return column.cast(pa.int8() if low is None else smallest(max(high + 1, -low)))


def wide(kind: pa.DataType) -> pa.DataType:
    """The type as a person would call it: what it was before it was made small."""
    if pa.types.is_dictionary(kind):
        return kind.value_type
    return pa.int64() if pa.types.is_signed_integer(kind) else kind
