"""Text -> a bag of its words, pairs and triples of words, and runs of characters, as a linear model counts them: ids.

Words are kept whole and in lower case: a word seen once in training is known by itself, which pieces of words are not.
A pair stands for two words that follow each other, or for the first word of a text, and a triple for a pair and the
word behind it; those of one train text only are left out. Runs of characters (`CharacterBag`) have the last ids. What is not known is not in the bag.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

from zoo.data.characters import CharacterBag
from zoo.data.tokenizer import UNKNOWN, TextTokenizer, Tokens

MOST_WORDS, MOST_PHRASES = 50_000, 100_000
LEAST_TEXTS = 2  # that have a pair or a triple
WORD = r"\w+|[^\w\s]"


class NgramBag:
    """Ids of the words, pairs, triples and runs of characters of a text, 1 and above; 0 is none.

    Args:
        words: The tokenizer of words.
        pairs: Keys of the known pairs, sorted, int64 (pairs,).
        triples: Keys of the known triples, sorted, int64 (triples,).
        characters: The known runs of characters.

    Example:
        >>> bag = NgramBag.fit(["How far is it?", "how far can it go", "Who is it?"], max_length=16)
        >>> [int(bag.encode([text]).offsets[-1]) for text in ("How far", "far how", "fat", "")]
        [15, 12, 1, 0]
    """

    def __init__(
        self,
        words: TextTokenizer,
        pairs: NDArray[np.int64],
        triples: NDArray[np.int64],
        characters: CharacterBag,
    ) -> None:
        self.words = words
        self.pairs = pairs
        self.triples = triples
        self.characters = characters
        self.n_words = words.vocab_size

    @property
    def sizes(self) -> list[int]:
        """Number of ids of words and phrases (with that of none), of runs of characters."""
        return [self.n_words + len(self.pairs) + len(self.triples), len(self.characters.runs)]

    @classmethod
    def fit(cls, texts: Sequence[str], *, max_length: int) -> NgramBag:
        """Count the train texts.

        Args:
            texts: Of the train rows.
            max_length: Words read of a text.
        """
        backend = Tokenizer(models.WordLevel(unk_token=UNKNOWN))
        backend.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
        backend.pre_tokenizer = pre_tokenizers.Split(Regex(WORD), behavior="removed", invert=True)
        trainer = trainers.WordLevelTrainer(
            vocab_size=MOST_WORDS, min_frequency=1, special_tokens=[UNKNOWN], show_progress=False
        )
        backend.train_from_iterator(texts, trainer)
        described = json.loads(backend.to_str())
        described["added_tokens"] = []  # a text that says "<unk>" is read like any other
        words = TextTokenizer.from_json(json.dumps(described, ensure_ascii=False), max_length=max_length)
        read = words.encode(texts)
        text = np.repeat(np.arange(len(texts)), np.diff(read.offsets))
        keys = _pair_keys(read, words.vocab_size)
        pairs = _frequent(keys, text)
        triples = _frequent(_triple_keys(read, words.vocab_size, _places(keys, pairs)), text)
        return cls(words, pairs, triples, CharacterBag.fit(texts, max_length=max_length))

    def encode(self, texts: Sequence[str]) -> Tokens:
        """Ids of each text's bag; a text of which nothing is known has none. A zero stands behind the last text."""
        read = self.words.encode(texts)
        pairs = _places(_pair_keys(read, self.n_words), self.pairs)
        triples = _places(_triple_keys(read, self.n_words, pairs), self.triples)
        firsts = (self.n_words - 1, self.n_words - 1 + len(self.pairs))
        phrases = [
            np.where(places > 0, places + first, 0) for places, first in zip((pairs, triples), firsts, strict=True)
        ]
        both = np.stack([read.flat, *phrases], axis=1).reshape(-1)  # a word, its pair, its triple, the next word, ...
        kept = both > 0
        ends = np.concatenate([np.zeros(1, dtype=np.int64), kept.cumsum()])[3 * read.offsets]
        runs = self.characters.encode(texts)
        text = np.repeat(np.tile(np.arange(len(texts)), 2), np.concatenate([np.diff(ends), np.diff(runs.offsets)]))
        ids = np.concatenate([both[kept], runs.flat + self.sizes[0] - 1, [0]]).astype(np.int32)
        order = np.argsort(np.append(text, len(texts)), kind="stable")  # a text's words and phrases, then its runs
        return Tokens(ids[order], ends + runs.offsets, read.n_cut)


def _pair_keys(read: Tokens, n_words: int) -> NDArray[np.int64]:
    """One number for each pair that ends at a word; -1 where one of the two is unknown, (words,)."""
    return _keys(_before(read.flat, read, n_words), read.flat, n_words)


def _triple_keys(read: Tokens, n_words: int, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """One number for each word behind a known pair, else -1, (words,); `pairs` are those that end at a word."""
    return _keys(_before(pairs, read, 0), read.flat, n_words)


def _before(ids: NDArray[Any], read: Tokens, first: int) -> NDArray[np.int64]:
    """What stands at the word before; `first` before a text."""
    before = np.concatenate([np.zeros(1, dtype=np.int64), ids[:-1].astype(np.int64)])
    before[read.offsets[:-1]] = first  # no text is empty here
    return before


def _keys(before: NDArray[np.int64], now: NDArray[np.int32], n_words: int) -> NDArray[np.int64]:
    return np.where((before == 0) | (now == 0), -1, before * (n_words + 1) + now)


def _frequent(keys: NDArray[np.int64], text: NDArray[np.int64]) -> NDArray[np.int64]:
    """Keys, sorted, that enough texts have; of too many those of most texts."""
    order = np.lexsort((text, keys))
    keys, text = keys[order], text[order]
    new = np.ones(len(keys), dtype=bool)  # it counts once in a text
    new[1:] = (keys[1:] != keys[:-1]) | (text[1:] != text[:-1])
    found, n_texts = np.unique(keys[new], return_counts=True)
    known = (found >= 0) & (n_texts >= LEAST_TEXTS)
    found, n_texts = found[known], n_texts[known]
    return np.sort(found[np.argsort(-n_texts, kind="stable")[:MOST_PHRASES]])


def _places(keys: NDArray[np.int64], known: NDArray[np.int64]) -> NDArray[np.int64]:
    """Place of each key among the known ones, from 1; 0 where it is none of them."""
    if not len(known):
        return np.zeros(len(keys), dtype=np.int64)
    place = np.searchsorted(known, keys).clip(max=len(known) - 1)
    return np.where(known[place] == keys, place + 1, 0)
