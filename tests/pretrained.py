"""A tiny text encoder of transformers with its tokenizer, saved as a user has one in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

WORDS = ("grass", "leaf", "frog", "rose", "blood", "fire", "the", "a", "##s", "red", "green")
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
VOCABULARY = {word: place for place, word in enumerate((*SPECIAL, *WORDS))}


def save_encoder(folder: Path, kind: str = "bert", max_length: int = 20) -> Path:
    """A random BERT or DistilBERT of two layers whose tokenizer knows a few words; transformers is needed."""
    transformers: Any = pytest.importorskip("transformers", reason="the extra `text` is not installed")
    import torch

    torch.manual_seed(0)
    size = {"vocab_size": len(VOCABULARY), "max_position_embeddings": max_length, "pad_token_id": 0}
    if kind == "bert":
        config = transformers.BertConfig(
            hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24, **size
        )
    else:
        config = transformers.DistilBertConfig(dim=16, n_layers=2, n_heads=2, hidden_dim=24, **size)
    transformers.AutoModel.from_config(config).save_pretrained(folder)
    save_tokenizer(folder / "tokenizer.json")
    return folder


def save_tokenizer(file: Path) -> None:
    """BERT's kind of tokenizer: lower case, word pieces, [CLS] text [SEP]."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    backend = Tokenizer(models.WordPiece(VOCABULARY, unk_token="[UNK]"))
    backend.normalizer = normalizers.BertNormalizer(lowercase=True)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    backend.enable_truncation(4)  # as the files of real encoders may hold, for other texts than the user's
    backend.enable_padding(pad_id=0, pad_token="[PAD]", length=12)
    backend.save(str(file))
