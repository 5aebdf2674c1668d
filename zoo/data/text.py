"""Texts: a column of a table, or .txt files, as token ids; batches of similar length, padded to the longest in each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from zoo.data.arrays import ArrayDataset, Batch
from zoo.data.base import DataModule
from zoo.data.characters import CharacterBag
from zoo.data.ngrams import NgramBag
from zoo.data.source import Source
from zoo.data.text_source import read_text
from zoo.data.tokenizer import SMALLEST_VOCABULARY, TextTokenizer, Tokens
from zoo.errors import InputError
from zoo.messages import say


class TokenRows:
    """Rows of token ids of different lengths, stored one after the other.

    Args:
        tokens: Flat ids and offsets.
        pad_id: Fills a batch up to its longest row.

    Shape:
        Rows (batch,) -> tokens int64 (batch, longest), mask bool (batch, longest), True = real token
    """

    def __init__(self, tokens: Tokens, pad_id: int) -> None:
        self.flat = torch.from_numpy(tokens.flat)
        self.starts = torch.from_numpy(tokens.offsets[:-1])
        self.lengths = torch.from_numpy(np.diff(tokens.offsets))
        self.pad_id = pad_id
        self.n_cut = tokens.n_cut

    def __len__(self) -> int:
        return len(self.lengths)

    def padded(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens and mask of the given rows, in one gather."""
        lengths = self.lengths[rows]
        column = torch.arange(max(int(lengths.max()), 1))
        mask = column < lengths.unsqueeze(1)  # (batch, longest)
        places = (self.starts[rows].unsqueeze(1) + column).clamp_(max=len(self.flat) - 1)
        return self.flat.take(places).long().masked_fill_(~mask, self.pad_id), mask


class TextDataset(ArrayDataset):
    """Token rows with their targets.

    Args:
        rows: The tokens.
        arrays: `target` and `index`, rows first.
        bags: The n-grams of each row, where they are asked for.

    Shape:
        A batch: tokens int64 (batch, longest), mask bool (batch, longest), `arrays` gathered at its rows, and with
        bags ngrams int64 (batch, most), 0 = none.
    """

    def __init__(self, rows: TokenRows, arrays: Batch, bags: TokenRows | None = None) -> None:
        super().__init__(arrays, lengths=rows.lengths)
        self.rows = rows
        self.bags = bags

    def __getitems__(self, rows: Sequence[int] | Tensor) -> Batch:
        where = torch.as_tensor(rows, dtype=torch.int64)
        tokens, mask = self.rows.padded(where)
        ngrams = {} if self.bags is None else {"ngrams": self.bags.padded(where)[0]}
        return {"tokens": tokens, "mask": mask} | ngrams | super().__getitems__(where)


class TextDataModule(DataModule):
    """Texts of a table or of files, tokenised once, split and batched.

    Args:
        path: CSV, Parquet or JSON-lines file, a folder with `train.*`, `val.*`, `test.*`, a folder with a folder of
            .txt files for each class (also inside train, val, test), or `sample:languages`. For predict also one .txt
            file with a text a line, or a folder of .txt files.
        target: Column to predict (several for multi-label); None takes one called target, label, class or y.
        text: Column to read; None takes one called text, sentence, review, content, message, phrase or document, else
            the longest column of words.
        val_path: A file of its own for validation.
        test_path: A file of its own for test.
        val_fraction: Share of rows for validation (0-1).
        test_fraction: Share of rows for test (0-1).
        task: `auto`, `classification` or `regression`.
        tokenizer: A tokenizer.json of the `tokenizers` library, a folder with one, or a model on the Hugging Face hub,
            with what it does to a text ([CLS], [SEP], lower case); None learns byte-pair encoding from the train texts.
        vocab_size: Most tokens of a learnt vocabulary, at least 258; a tokenizer brings its own.
        max_length: Tokens kept of a text; the rest is cut off.
        ngrams: Whether a text is also given as a bag of its words, pairs and triples of words, and runs of characters;
            what a text model gains most from on few rows.
        batch_size: Rows a batch; None sizes it by the number of rows.
        num_workers: Loader processes; None chooses.
        seed: Of the split, and of the order of train rows.

    Shape:
        A batch: tokens int64 (batch, longest), mask bool (batch, longest) with True = real, target, index (batch,);
        with `ngrams` also ngrams int64 (batch, most), 0 = none.

    Raises:
        InputError: A file or column is missing, or nothing can be learned from it.
    """

    modality = "text"

    def __init__(
        self,
        path: str,
        *,
        target: str | list[str] | None = None,
        text: str | None = None,
        val_path: str | None = None,
        test_path: str | None = None,
        val_fraction: float = 0.15,
        test_fraction: float = 0.15,
        task: str = "auto",
        tokenizer: str | None = None,
        vocab_size: int = 8192,
        max_length: int = 256,
        ngrams: bool = False,
        batch_size: int | None = None,
        num_workers: int | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(
            path,
            target=target,
            val_path=val_path,
            test_path=test_path,
            val_fraction=val_fraction,
            test_fraction=test_fraction,
            task=task,
            batch_size=batch_size,
            num_workers=num_workers,
            seed=seed,
        )
        if vocab_size < SMALLEST_VOCABULARY:
            raise InputError(
                f"data.vocab_size must be at least {SMALLEST_VOCABULARY} (bytes, padding, unknown), got {vocab_size}"
            )
        if max_length < 1:
            raise InputError(f"data.max_length must be at least 1 token, got {max_length}")
        self.text = text
        self.tokenizer = tokenizer
        self.vocab_size = vocab_size
        self.max_length = max_length
        self.ngrams = ngrams
        self._bag: NgramBag | None = None
        self._fitted: TextTokenizer | None = None
        if tokenizer is not None:  # read here, so that a wrong path is told before the data is read
            self._fitted = TextTokenizer.from_file(tokenizer, max_length=max_length)
        self.save_hyperparameters()

    @property
    def text_tokenizer(self) -> TextTokenizer:
        """The tokenizer in use, learnt on first need; its `decode` turns ids back into text."""
        self._fit()
        return self._ready

    def read(self, path: str, *, with_target: bool = True) -> dict[str, Source]:
        sources, text = read_text(path, target=self.target, text=self.text, with_target=with_target)
        self.text = self.text or text  # other files of this module are read from the same column
        return sources

    def fit_encoder(self, source: Source) -> None:
        texts = source.rows["text"].to_pylist()
        if self._fitted is None:
            self._fitted = TextTokenizer.train(texts, vocab_size=self.vocab_size, max_length=self.max_length)
        if self.ngrams and self._bag is None:
            self._bag = NgramBag.fit(texts, max_length=self.max_length)

    def encode(self, source: Source) -> Batch:
        texts = source.rows["text"].to_pylist()
        # Rows first, but of different lengths, which no tensor holds; `make_dataset` takes them out again.
        arrays = {"tokens": cast(Tensor, TokenRows(self._ready.encode(texts), self._ready.pad_id))}
        if self._bag is not None:
            arrays["ngrams"] = cast(Tensor, TokenRows(self._bag.encode(texts), pad_id=0))
        return arrays

    def make_dataset(self, arrays: Batch, *, training: bool) -> ArrayDataset:
        rows = cast(TokenRows, arrays["tokens"])
        if training and rows.n_cut:
            say(
                f"{self.path}: {rows.n_cut} of {len(rows)} train texts are longer than {self.max_length} tokens "
                "and are cut there (data.max_length)"
            )
        bags = cast("TokenRows | None", arrays.get("ngrams"))
        others = {name: array for name, array in arrays.items() if name not in ("tokens", "ngrams")}
        return TextDataset(rows, others, bags)

    def default_batch_size(self, n_rows: int) -> int:
        """Rows a batch when the user says nothing: about a hundred steps an epoch, within 32 and 128."""
        return int(2 ** np.clip(round(np.log2(max(n_rows, 1) / 100)), 5, 7))

    @property
    def encoder_inputs(self) -> dict[str, Any]:
        return {
            "modality": self.modality,
            "vocab_size": self._ready.vocab_size,
            "max_length": self.max_length,
            "pad_id": self._ready.pad_id,
        } | ({} if self._bag is None else {"n_ngrams": self._bag.sizes})

    def portable_arguments(self) -> dict[str, Any]:
        """As of every data module, without the tokenizer's place: a checkpoint holds the tokenizer itself."""
        return super().portable_arguments() | {"tokenizer": None}

    def encoder_state(self) -> dict[str, Any]:
        state = {"tokenizer": self.text_tokenizer.to_json(), "max_length": self.max_length, "text": self.text}
        if self._bag is not None:
            state |= {"words": self._bag.words.to_json(), "pairs": torch.from_numpy(self._bag.pairs)}
            state["triples"] = torch.from_numpy(self._bag.triples)
            state["runs"] = "\n".join(self._bag.characters.runs)  # no run has white space
        return state

    def load_encoder_state(self, state: dict[str, Any]) -> None:
        self.max_length = state["max_length"]
        self.text = state["text"]
        self._fitted = TextTokenizer.from_json(state["tokenizer"], max_length=self.max_length)
        self._bag = None
        if "words" in state:
            words = TextTokenizer.from_json(state["words"], max_length=self.max_length)
            characters = CharacterBag(state["runs"].split(), max_length=self.max_length)
            self._bag = NgramBag(words, state["pairs"].numpy(), state["triples"].numpy(), characters)

    @property
    def _ready(self) -> TextTokenizer:
        assert self._fitted is not None, "fit_encoder or load_encoder_state comes first"
        return self._fitted
