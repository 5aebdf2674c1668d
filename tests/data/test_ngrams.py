"""The bag of n-grams: which words, phrases and runs of characters it knows, and what a checkpoint keeps of it."""

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import CountVectorizer

from zoo.data.characters import runs_of
from zoo.data.ngrams import NgramBag
from zoo.data.text import TextDataModule

TEXTS = ["How far is it?", "how far can it GO", "Who is it?", "is it far"]


@pytest.fixture(scope="module")
def bag() -> NgramBag:
    return NgramBag.fit(TEXTS, max_length=16)


def everything(bag: NgramBag, text: str) -> list[int]:
    read = bag.encode([text])
    return [int(entry) for entry in read.flat[: read.offsets[-1]]]


def ids(bag: NgramBag, text: str) -> list[int]:
    """Of words and phrases."""
    return [entry for entry in everything(bag, text) if entry < bag.sizes[0]]


def grams(words: list[str], n: int) -> list[tuple[str, ...]]:
    begun = ["^", *words]
    return [tuple(begun[at : at + n]) for at in range(len(begun) - n + 1)]


def test_words_and_phrases_of_two_texts_are_those_that_counting_finds(bag: NgramBag) -> None:
    texts = [text.lower().replace("?", " ?").split() for text in TEXTS]
    counts = {n: Counter(gram for text in texts for gram in set(grams(text, n))) for n in (2, 3)}
    for n, known in ((2, bag.pairs), (3, bag.triples)):
        assert len(known) == sum(count >= 2 for count in counts[n].values())
    for text in texts:
        phrases = sum(counts[n][gram] >= 2 for n in (2, 3) for gram in grams(text, n))
        assert len(ids(bag, " ".join(text))) == len(text) + phrases
    words = {word for text in texts for word in text}
    assert len(words) < bag.n_words <= len(words) + 2  # with none, and padding


def test_each_phrase_has_an_id_of_its_own(bag: NgramBag) -> None:
    alone = {text: set(ids(bag, text)) for text in ("how", "far", "is", "it", "how far", "is it", "who is it")}
    assert len(alone["how far"] - alone["how"] - alone["far"]) == 2  # the pair, and that it begins the text
    assert alone["is it"] - alone["is"] - alone["it"] <= alone["who is it"]


def test_the_first_word_has_a_pair_of_its_own(bag: NgramBag) -> None:
    assert len(ids(bag, "how")) == 2  # two texts begin with it
    assert len(ids(bag, "far")) == 1  # none does


def test_case_does_not_matter_and_unknown_words_are_not_there(bag: NgramBag) -> None:
    assert ids(bag, "HOW FAR") == ids(bag, "how far")
    assert ids(bag, "how zebra far") == [*ids(bag, "how"), *ids(bag, "far")]
    assert ids(bag, "zebra 🙂") == ids(bag, "") == ids(bag, "<unk>") == []


def test_ids_do_not_depend_on_the_other_texts(bag: NgramBag) -> None:
    texts = ["", "is it", "zebra", "🙂 it", "how far is it ?", ""]
    read = bag.encode(texts)
    for row, text in enumerate(texts):
        assert read.flat[read.offsets[row] : read.offsets[row + 1]].tolist() == everything(bag, text)
    assert read.flat.max() < sum(bag.sizes)
    assert read.flat.dtype == np.int32


def test_runs_of_characters_are_those_that_a_vectorizer_finds(bag: NgramBag) -> None:
    vectorizer = CountVectorizer(analyzer="char_wb", ngram_range=(3, 5), min_df=2)
    spaced = [text.replace("?", " ?") for text in TEXTS]
    known = {run for run in vectorizer.fit(spaced).vocabulary_ if run.strip() != "?"}
    whole = {f" {word} " for text in spaced for word in text.lower().split()}  # a whole word is known as a word
    assert {re.sub("[<>]", " ", run) for run in bag.characters.runs} == known - whole
    first = bag.sizes[0] - 1
    for text in TEXTS:
        spelt = [entry - first for entry in everything(bag, text) if entry > first]
        runs = [run for word in re.findall(r"\w+", text.lower()) for run in runs_of(word)]
        assert spelt == [bag.characters.ids[run] for run in runs if run in bag.characters.ids]


def test_a_word_that_no_train_text_has_is_known_by_its_parts(bag: NgramBag) -> None:
    assert [bag.characters.runs[entry - bag.sizes[0]] for entry in everything(bag, "farm")] == ["<fa", "far", "<far"]


def _module(tmp_path: Path) -> TextDataModule:
    file = tmp_path / "data.csv"
    rows = [f"{'good' if row % 2 else 'bad'} film no {row},{'pos' if row % 2 else 'neg'}" for row in range(40)]
    file.write_text("text,label\n" + "\n".join(rows) + "\n")
    return TextDataModule(str(file), vocab_size=300, max_length=16, ngrams=True)


def test_only_train_texts_are_counted(tmp_path: Path) -> None:
    module = _module(tmp_path)
    dataset = module.dataset("val")
    n_words = len({"good", "bad", "film", "no"} | {str(row) for row in module.sources["train"].index.tolist()})
    size = n_words + 2 + 5 + 4  # none and padding; the pairs and triples of "good film no" and "bad film no"
    assert module.inputs["n_ngrams"][0] == size
    ngrams = dataset.__getitems__(range(len(dataset)))["ngrams"]
    texts = module.source("val").rows["text"].to_pylist()
    found = ((ngrams > 0) & (ngrams < size)).sum(dim=1)
    assert found.tolist() == [8] * len(texts)  # three words, three pairs, two triples; no number


def test_the_bag_comes_back_with_the_state(tmp_path: Path) -> None:
    module = _module(tmp_path)
    rows = [0, 3, 1]
    expected = module.dataset("val").__getitems__(rows)["ngrams"]
    torch.save(module.encoder_state(), tmp_path / "state.pt")
    other = _module(tmp_path)
    other.load_encoder_state(torch.load(tmp_path / "state.pt", weights_only=True))
    assert torch.equal(other.dataset("val").__getitems__(rows)["ngrams"], expected)
    assert other.inputs == module.inputs


def test_a_batch_of_unknown_words_has_a_bag_of_none(tmp_path: Path) -> None:
    module = _module(tmp_path)
    module.setup("fit")
    other = tmp_path / "other.csv"
    other.write_text("text\nzebra\n🙂\n")
    module.use_whole(str(other), with_target=False)
    batch = module.dataset("predict").__getitems__([0, 1])
    assert batch["ngrams"].tolist() == [[0], [0]]
