"""Text -> token ids: byte-level byte-pair encoding learnt from the train texts, or the user's or an encoder's own.

Words are spelt from the most frequent byte sequences (Sennrich et al. 2016, P16-1162; on bytes as in GPT-2, Radford et
al. 2019). All 256 bytes are in the vocabulary, so no text of any script is unknown and nothing is lost.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from zoo.errors import InputError
from zoo.hub import hub_file

PAD, UNKNOWN = "<pad>", "<unk>"
PAD_NAMES = (PAD, "[PAD]", "<|pad|>", "<|padding|>", "[pad]", "<PAD>")
UNKNOWN_NAMES = (UNKNOWN, "[UNK]", "<|unk|>", "<UNK>")
SMALLEST_VOCABULARY = 256 + 2  # every byte, padding, unknown
TOKENIZER = "tokenizer.json"
HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")  # owner/model
CHUNK = 10_000  # texts encoded at a time; bounds the memory of the library's Encoding objects


class Tokens(NamedTuple):
    """Token ids of many texts, one after the other.

    Args:
        flat: int32 (all tokens,)
        offsets: int64 (texts + 1,); text i is `flat[offsets[i]:offsets[i + 1]]`, never empty
        n_cut: Texts that were longer than the limit
    """

    flat: NDArray[np.int32]
    offsets: NDArray[np.int64]
    n_cut: int


def find_tokenizer(path: str) -> Path:
    """The tokenizer.json that a file, a folder or a model on the Hugging Face hub is meant by.

    Raises:
        InputError: There is none.
    """
    place = Path(path).expanduser()
    if place.is_dir():
        file = place / TOKENIZER
        if not file.is_file():
            raise InputError(
                f"{path}: this folder holds no {TOKENIZER} (data.tokenizer): transformers writes one, "
                "by AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)"
            )
        return file
    if place.exists():
        return place
    if place.suffix == ".json" or not HUB_NAME.fullmatch(path):
        raise InputError(f"{path}: no such file (data.tokenizer): give a {TOKENIZER}, or leave it out to train one")
    return hub_file(path, TOKENIZER)


class TextTokenizer:
    """A tokenizer of the `tokenizers` library that cuts at `max_length` and never pads.

    Args:
        backend: The library's tokenizer.
        max_length: Tokens kept of a text, special tokens included.
        where: What to name in an error.

    Raises:
        InputError: `max_length` leaves no room beside the tokenizer's special tokens.

    Example:
        >>> tokenizer = TextTokenizer.train(["to be or not to be"] * 2, vocab_size=300, max_length=16)
        >>> tokenizer.decode(tokenizer.encode(["to be 🙂"]).flat)
        ' to be 🙂'
    """

    def __init__(self, backend: Tokenizer, *, max_length: int, where: str = "tokenizer") -> None:
        n_special = backend.num_special_tokens_to_add(False)
        if max_length <= n_special:
            raise InputError(
                f"{where}: adds {n_special} special tokens to a text: data.max_length must be larger, got {max_length}"
            )
        backend.no_padding()
        backend.enable_truncation(max_length)
        vocabulary = backend.get_vocab(with_added_tokens=True)
        if not vocabulary:
            raise InputError(f"{where}: the vocabulary is empty: train the tokenizer first")
        n_ids = max(vocabulary.values()) + 1  # not the count: the ids of a user's vocabulary may have gaps
        pad_id = next((vocabulary[name] for name in PAD_NAMES if name in vocabulary), n_ids)
        self.backend = backend
        self.pad_id = pad_id
        self.unknown_id = next((vocabulary[name] for name in UNKNOWN_NAMES if name in vocabulary), pad_id)
        self.vocab_size = max(n_ids, pad_id + 1)

    @classmethod
    def train(cls, texts: Iterable[str], *, vocab_size: int, max_length: int) -> TextTokenizer:
        """Learn a vocabulary of at most `vocab_size` tokens (258 or more); the same texts give the same one."""
        _allow_threads()
        backend = Tokenizer(models.BPE(unk_token=UNKNOWN))
        backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
        backend.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=vocab_size,
            min_frequency=2,
            special_tokens=[PAD, UNKNOWN],
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        )
        backend.train_from_iterator(texts, trainer)
        described = json.loads(backend.to_str())
        # Kept in the vocabulary, but not looked for in texts: a text that says "<pad>" is spelt like any other.
        described["added_tokens"] = []
        return cls.from_json(json.dumps(described, ensure_ascii=False), max_length=max_length)

    @classmethod
    def from_json(cls, text: str, *, max_length: int, where: str = "tokenizer") -> TextTokenizer:
        """From what `to_json` gave, or from the content of a tokenizer.json."""
        try:
            backend = Tokenizer.from_str(text)
        except Exception as error:  # the library raises bare Exception
            raise InputError(
                f"{where}: not a tokenizer.json of the tokenizers library ({str(error).splitlines()[0]})"
            ) from error
        return cls(backend, max_length=max_length, where=where)

    @classmethod
    def from_file(cls, path: str, *, max_length: int) -> TextTokenizer:
        """The user's own: a tokenizer.json, a folder with one, or the name of a model on the Hugging Face hub.

        Raises:
            InputError: It is missing, unreadable, or no tokenizer.
        """
        file = find_tokenizer(path)
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: cannot be read as a tokenizer.json (data.tokenizer): {error}") from error
        return cls.from_json(text, max_length=max_length, where=path)

    def to_json(self) -> str:
        """The whole tokenizer as text."""
        return str(self.backend.to_str())

    def encode(self, texts: Sequence[str]) -> Tokens:
        """Texts as token ids; an empty text is one unknown token, so that every row holds something real."""
        _allow_threads()
        flat: list[NDArray[np.int32]] = []
        lengths: list[NDArray[np.int64]] = []
        n_cut = 0
        for start in range(0, len(texts), CHUNK):
            encodings = self.backend.encode_batch_fast(list(texts[start : start + CHUNK]))
            n_cut += sum(bool(encoding.overflowing) for encoding in encodings)
            ids = [encoding.ids or [self.unknown_id] for encoding in encodings]
            lengths.append(np.fromiter(map(len, ids), dtype=np.int64, count=len(ids)))
            flat.append(np.fromiter(chain.from_iterable(ids), dtype=np.int32))
        offsets = np.concatenate([np.zeros(1, dtype=np.int64), *lengths]).cumsum()
        return Tokens(np.concatenate([np.empty(0, dtype=np.int32), *flat]), offsets, n_cut)

    def decode(self, ids: Iterable[int]) -> str:
        """Ids as text again, padding left out."""
        return str(self.backend.decode([int(token) for token in ids if int(token) != self.pad_id]))


def _allow_threads() -> None:
    """Threads without the library's warning at every later fork: loader processes never tokenise."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
