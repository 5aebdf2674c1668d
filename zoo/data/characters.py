"""Text -> a bag of runs of three to five characters inside its words (Bojanowski et al. 2017, arXiv:1607.04606).

They know a word that no train text has by its stem and its ending, and a misspelt one by most of itself. A word's
start and end are marked, and a run is known where two train texts or more have it.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from zoo.data.tokenizer import Tokens

LENGTHS = (3, 4, 5)
LEAST_TEXTS = 2  # that have a run
MOST_RUNS = 100_000
WORD = re.compile(r"\w+|[^\w\s]")


class CharacterBag:
    """Ids of the runs of characters of a text, 1 and above.

    Args:
        runs: The known runs; the first has id 1.
        max_length: Words read of a text.

    Example:
        >>> bag = CharacterBag.fit(["walking", "talking"], max_length=16)
        >>> bag.runs[:4]
        ['alk', 'lki', 'kin', 'ing']
        >>> bag.encode(["baking"]).flat.tolist() == [bag.ids[run] for run in ("kin", "ing", "ng>", "king", "ing>", "king>")]
        True
    """

    def __init__(self, runs: Sequence[str], *, max_length: int) -> None:
        self.runs = list(runs)
        self.max_length = max_length
        self.ids = {run: place for place, run in enumerate(self.runs, start=1)}

    @classmethod
    def fit(cls, texts: Iterable[str], *, max_length: int) -> CharacterBag:
        """Count the train texts that have a run.

        Args:
            texts: Of the train rows.
            max_length: Words read of a text.
        """
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update({run: None for word in words_of(text, max_length) for run in runs_of(word)}.keys())
        known = [run for run, count in counts.most_common(MOST_RUNS) if count >= LEAST_TEXTS]
        return cls(known, max_length=max_length)

    def encode(self, texts: Sequence[str]) -> Tokens:
        """Ids of each text's runs; a text without a known one has none."""
        seen: dict[str, list[int]] = {}  # a word is spelt once
        flat: list[int] = []
        ends = [0]
        for text in texts:
            for word in words_of(text, self.max_length):
                if word not in seen:
                    seen[word] = [self.ids[run] for run in runs_of(word) if run in self.ids]
                flat += seen[word]
            ends.append(len(flat))
        return Tokens(np.array(flat, dtype=np.int32), np.array(ends, dtype=np.int64), 0)


def words_of(text: str, most: int) -> list[str]:
    """Words and marks of a text in lower case."""
    return WORD.findall(unicodedata.normalize("NFKC", text).lower())[:most]


def runs_of(word: str) -> Iterator[str]:
    """Runs of characters that are shorter than the marked word.

    Example:
        >>> list(runs_of("why"))
        ['<wh', 'why', 'hy>', '<why', 'why>']
    """
    marked = f"<{word}>"
    for length in LENGTHS:
        if length < len(marked):
            yield from (marked[at : at + length] for at in range(len(marked) - length + 1))
