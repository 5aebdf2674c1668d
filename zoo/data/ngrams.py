"""Text -> a bag of its words and pairs of words, as a linear model of text counts them: ids of a vocabulary.

Words are kept whole and in lower case: a word seen once in training is known by itself, which pieces of words are not.
A pair stands for two words that follow each other, or for the first word of a text; those of one train text only are
left out. What is not in the vocabulary is not in the bag.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

from zoo.data.tokenizer import UNKNOWN, TextTokenizer, Tokens

MOST_WORDS, MOST_PAIRS = 50_000, 100_000
LEAST_TEXTS = 2  # that have a pair
WORD = r"\w+|[^\w\s]"


class NgramBag:
    """Ids of the words and pairs of a text, 1 and above; 0 is none.

    Args:
        words: The tokenizer of words.
        pairs: Keys of the known pairs, sorted, int64 (pairs,).

    Example:
        >>> bag = NgramBag.fit(["How far is it?", "how far can it go", "Who is it?"], max_length=16)
        >>> [int(bag.encode([text]).offsets[-1]) for text in ("How far", "far how", "unknown", "")]
        [4, 2, 0, 0]
    """

    def __init__(self, words: TextTokenizer, pairs: NDArray[np.int64]) -> None:
        self.words = words
        self.known = pairs
        self.n_words = words.vocab_size

    @property
    def size(self) -> int:
        """Number of ids."""
        return self.n_words + len(self.known)

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
        bag = cls(words, np.empty(0, dtype=np.int64))
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
        return cls(words, np.sort(pairs[most]))

    def encode(self, texts: Sequence[str]) -> Tokens:
        """Ids of each text's bag; a text of unknown words has none. A zero stands behind the last text."""
        read = self.words.encode(texts)
        keys = self._keys(read)
        pairs = np.zeros(len(keys), dtype=np.int32)
        if len(self.known):
            place = np.searchsorted(self.known, keys).clip(max=len(self.known) - 1)
            pairs = np.where(self.known[place] == keys, place + self.n_words, 0).astype(np.int32)
        both = np.stack([read.flat, pairs], axis=1).reshape(-1)  # word, its pair, word, its pair, ...
        kept = both > 0
        ends = np.concatenate([np.zeros(1, dtype=np.int64), kept.cumsum()])
        return Tokens(np.append(both[kept], np.int32(0)), ends[2 * read.offsets], read.n_cut)

    def _keys(self, read: Tokens) -> NDArray[np.int64]:
        """One number for each pair that ends at a word; -1 where one of the two is unknown, (words,)."""
        now = read.flat.astype(np.int64)
        before = np.concatenate([np.zeros(1, dtype=np.int64), now[:-1]])
        unknown = (now == 0) | (before == 0)
        starts = read.offsets[:-1]  # no text is empty here
        before[starts] = self.n_words
        unknown[starts] = now[starts] == 0
        return np.where(unknown, -1, before * (self.n_words + 1) + now)
