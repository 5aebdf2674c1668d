"""Text -> a bag of its words, pairs of words and runs of characters, as a linear model of text counts them: ids.

Words are kept whole and in lower case: a word seen once in training is known by itself, which pieces of words are not.
A pair stands for two words that follow each other, or for the first word of a text; those of one train text only are
left out. Runs of characters (`CharacterBag`) have the ids after those of the pairs. What is not known is not in the bag.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

from zoo.data.characters import CharacterBag
from zoo.data.tokenizer import UNKNOWN, TextTokenizer, Tokens

MOST_WORDS, MOST_PAIRS = 50_000, 100_000
LEAST_TEXTS = 2  # that have a pair
WORD = r"\w+|[^\w\s]"


class NgramBag:
    """Ids of the words, pairs and runs of characters of a text, 1 and above; 0 is none.

    Args:
        words: The tokenizer of words.
        pairs: Keys of the known pairs, sorted, int64 (pairs,).
        characters: The known runs of characters.

    Example:
        >>> bag = NgramBag.fit(["How far is it?", "how far can it go", "Who is it?"], max_length=16)
        >>> [int(bag.encode([text]).offsets[-1]) for text in ("How far", "far how", "fat", "")]
        [14, 12, 1, 0]
    """

    def __init__(self, words: TextTokenizer, pairs: NDArray[np.int64], characters: CharacterBag) -> None:
        self.words = words
        self.known = pairs
        self.characters = characters
        self.n_words = words.vocab_size

    @property
    def sizes(self) -> list[int]:
        """Number of ids of words and pairs (with that of none), of runs of characters."""
        return [self.n_words + len(self.known), len(self.characters.runs)]

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
        characters = CharacterBag.fit(texts, max_length=max_length)
        bag = cls(words, np.empty(0, dtype=np.int64), characters)
        read = words.encode(texts)
        text = np.repeat(np.arange(len(texts)), np.diff(read.offsets))
        keys = bag._keys(read)
        order = np.lexsort((text, keys))
        keys, text = keys[order], text[order]
        new = np.ones(len(keys), dtype=bool)  # a pair counts once in a text
        new[1:] = (keys[1:] != keys[:-1]) | (text[1:] != text[:-1])
        pairs, n_texts = np.unique(keys[new], return_counts=True)
        known = (pairs >= 0) & (n_texts >= LEAST_TEXTS)
        pairs, n_texts = pairs[known], n_texts[known]
        most = np.argsort(-n_texts, kind="stable")[:MOST_PAIRS]
        return cls(words, np.sort(pairs[most]), characters)

    def encode(self, texts: Sequence[str]) -> Tokens:
        """Ids of each text's bag; a text of which nothing is known has none. A zero stands behind the last text."""
        read = self.words.encode(texts)
        keys = self._keys(read)
        pairs = np.zeros(len(keys), dtype=np.int32)
        if len(self.known):
            place = np.searchsorted(self.known, keys).clip(max=len(self.known) - 1)
            pairs = np.where(self.known[place] == keys, place + self.n_words, 0).astype(np.int32)
        both = np.stack([read.flat, pairs], axis=1).reshape(-1)  # word, its pair, word, its pair, ...
        kept = both > 0
        ends = np.concatenate([np.zeros(1, dtype=np.int64), kept.cumsum()])[2 * read.offsets]
        runs = self.characters.encode(texts)
        text = np.repeat(np.tile(np.arange(len(texts)), 2), np.concatenate([np.diff(ends), np.diff(runs.offsets)]))
        ids = np.concatenate([both[kept], runs.flat + np.int32(self.sizes[0] - 1)])
        order = np.argsort(text, kind="stable")  # a text's words and pairs, then its runs
        return Tokens(np.append(ids[order], np.int32(0)), ends + runs.offsets, read.n_cut)

    def _keys(self, read: Tokens) -> NDArray[np.int64]:
        """One number for each pair that ends at a word; -1 where one of the two is unknown, (words,)."""
        now = read.flat.astype(np.int64)
        before = np.concatenate([np.zeros(1, dtype=np.int64), now[:-1]])
        unknown = (now == 0) | (before == 0)
        starts = read.offsets[:-1]  # no text is empty here
        before[starts] = self.n_words
        unknown[starts] = now[starts] == 0
        return np.where(unknown, -1, before * (self.n_words + 1) + now)
