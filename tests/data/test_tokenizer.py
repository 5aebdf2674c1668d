"""Byte-level byte-pair encoding: nothing is lost, the same texts give the same tokens, a user's own is checked."""

import json
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from zoo.data.tokenizer import SMALLEST_VOCABULARY, TextTokenizer
from zoo.errors import InputError

TEXTS = ["the cat sat on the mat", "the dog sat on the log", "a cat and a dog"] * 5


@pytest.fixture(scope="module")
def learnt() -> TextTokenizer:
    return TextTokenizer.train(TEXTS, vocab_size=300, max_length=256)


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "  leading and   double spaces ",
        "🙂👩‍👩‍👧🏳️‍🌈",
        "漢字かな交じり文 한국어 العربية עברית हिन्दी",
        "\x00\x01\x1f\x7f\x85",
        "\u0301 lone combining mark, and \u200d\u200b\ufeff\ufffd",
        "e\u0301 is not \u00e9",
        "\U0010ffff\U000e0001\ud7ff\ue000",
        "tab\tnewline\r\n\u2028\u2029",
        "says <pad> and <unk> itself",
    ],
)
def test_any_unicode_survives(learnt: TextTokenizer, text: str) -> None:
    tokens = learnt.encode([text])
    back = learnt.decode(tokens.flat)
    assert back == (text if text.startswith(" ") else " " + text)
    assert learnt.pad_id not in tokens.flat
    assert learnt.unknown_id not in tokens.flat


def test_every_assigned_character_of_the_first_planes_survives(learnt: TextTokenizer) -> None:
    text = "".join(chr(code) for code in range(0x20000) if unicodedata.category(chr(code)) not in ("Cs", "Cn"))
    whole = TextTokenizer.from_json(learnt.to_json(), max_length=10**7)
    assert whole.decode(whole.encode([text]).flat).strip(" ") == text.strip(" ")


def test_ids_and_sizes(learnt: TextTokenizer) -> None:
    assert learnt.pad_id == 0
    assert learnt.unknown_id == 1
    assert SMALLEST_VOCABULARY < learnt.vocab_size <= 300
    assert max(learnt.encode(TEXTS).flat) < learnt.vocab_size


def test_flat_tokens_and_offsets_agree_with_single_texts(learnt: TextTokenizer) -> None:
    tokens = learnt.encode(TEXTS)
    assert tokens.flat.dtype == np.int32
    assert tokens.offsets.dtype == np.int64
    assert tokens.offsets[-1] == len(tokens.flat)
    for text, start, end in zip(TEXTS, tokens.offsets[:-1], tokens.offsets[1:], strict=True):
        assert tokens.flat[start:end].tolist() == learnt.encode([text]).flat.tolist()


def test_long_texts_are_cut_and_counted(learnt: TextTokenizer) -> None:
    short = TextTokenizer.from_json(learnt.to_json(), max_length=3)
    tokens = short.encode(["the cat sat on the mat", "a"])
    assert np.diff(tokens.offsets).tolist() == [3, 1]
    assert tokens.n_cut == 1


def test_an_empty_text_is_one_unknown_token(learnt: TextTokenizer) -> None:
    tokens = learnt.encode(["", "a", ""])
    lengths = np.diff(tokens.offsets)
    assert lengths[0] == lengths[2] == 1
    assert tokens.flat[0] == tokens.flat[-1] == learnt.unknown_id


def test_no_texts_give_no_tokens(learnt: TextTokenizer) -> None:
    tokens = learnt.encode([])
    assert len(tokens.flat) == 0
    assert tokens.offsets.tolist() == [0]


def test_training_twice_gives_the_same_tokenizer(learnt: TextTokenizer) -> None:
    assert TextTokenizer.train(TEXTS, vocab_size=300, max_length=256).to_json() == learnt.to_json()


def _own_tokenizer(path: Path, *words: str, special: bool = False) -> str:
    vocabulary = {word: place for place, word in enumerate(words)}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    if special:
        backend.add_special_tokens(["[CLS]", "[SEP]"])
        ids = [(word, backend.token_to_id(word)) for word in ("[CLS]", "[SEP]")]
        backend.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ids)
    backend.enable_padding(length=50)  # must not reach our batches
    backend.save(str(path))
    return str(path)


def test_own_tokenizer_keeps_its_padding_token(tmp_path: Path) -> None:
    own = TextTokenizer.from_file(_own_tokenizer(tmp_path / "t.json", "[UNK]", "a", "[PAD]", "b"), max_length=8)
    assert (own.pad_id, own.unknown_id, own.vocab_size) == (2, 0, 4)
    assert own.encode(["a b zebra", ""]).flat.tolist() == [1, 3, 0, 0]


def test_own_tokenizer_without_padding_gets_an_id_past_its_vocabulary(tmp_path: Path) -> None:
    own = TextTokenizer.from_file(_own_tokenizer(tmp_path / "t.json", "[UNK]", "a"), max_length=8)
    assert (own.pad_id, own.vocab_size) == (2, 3)


def test_own_special_tokens_survive_the_cut(tmp_path: Path) -> None:
    path = _own_tokenizer(tmp_path / "t.json", "[UNK]", "a", special=True)
    own = TextTokenizer.from_file(path, max_length=4)
    assert own.encode(["a a a a a", ""]).flat.tolist() == [2, 1, 1, 3, 2, 3]
    with pytest.raises(InputError, match=r"t.json: adds 2 special tokens .* data.max_length must be larger, got 2$"):
        TextTokenizer.from_file(path, max_length=2)


def test_own_tokenizer_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none.json: no such file \(data.tokenizer\)"):
        TextTokenizer.from_file(str(tmp_path / "none.json"), max_length=8)
    with pytest.raises(InputError, match=r"this folder holds no tokenizer.json \(data.tokenizer\)"):
        TextTokenizer.from_file(str(tmp_path), max_length=8)
    torn = tmp_path / "torn.json"
    torn.write_text(json.dumps({"model": {}}))
    with pytest.raises(InputError, match=r"torn.json: not a tokenizer.json of the tokenizers library"):
        TextTokenizer.from_file(str(torn), max_length=8)
    torn.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match=r"torn.json: cannot be read as a tokenizer.json"):
        TextTokenizer.from_file(str(torn), max_length=8)
    with pytest.raises(InputError, match="the vocabulary is empty"):
        TextTokenizer.from_file(_empty(tmp_path / "empty.json"), max_length=8)


def _empty(path: Path) -> str:
    Tokenizer(models.BPE()).save(str(path))
    return str(path)
