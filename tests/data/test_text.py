"""The text data module: padding, masks, batches, the state a checkpoint keeps, and real sets of texts."""

import os
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers

from zoo.data.arrays import Batch
from zoo.data.text import TextDataModule
from zoo.errors import InputError

SHARED = Path(os.environ.get("ZOO_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))


def _shared(name: str) -> str:
    if not (SHARED / name).exists():
        pytest.skip(f"the shared data set {name} is not on this machine")
    return str(SHARED / name)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Forty rows of 1 to 8 words, two classes."""
    file = tmp_path / "data.csv"
    rows = [
        f"{' '.join(['good' if row % 2 else 'bad'] * (1 + row % 8))},{'pos' if row % 2 else 'neg'}" for row in range(40)
    ]
    file.write_text("text,label\n" + "\n".join(rows) + "\n")
    return file


@pytest.fixture(scope="module")
def languages() -> TextDataModule:
    module = TextDataModule("sample:languages", vocab_size=600, max_length=32)
    module.setup("fit")
    return module


def _batches(module: TextDataModule, part: str = "val") -> list[Batch]:
    return list(getattr(module, f"{part}_dataloader")())


def test_a_batch_is_padded_to_its_longest_row(languages: TextDataModule) -> None:
    dataset = languages.dataset("val")
    batch = dataset.__getitems__([5, 0, 17])
    assert {name: array.dtype for name, array in batch.items()} == {
        "tokens": torch.int64,
        "mask": torch.bool,
        "target": torch.int64,
        "index": torch.int64,
    }
    texts = languages.source("val").rows["text"].to_pylist()
    longest = 0
    for place, row in enumerate([5, 0, 17]):
        expected = languages.text_tokenizer.encode([texts[row]]).flat.tolist()
        longest = max(longest, len(expected))
        assert batch["tokens"][place][batch["mask"][place]].tolist() == expected
        assert batch["mask"][place].tolist() == [True] * len(expected) + [False] * (
            batch["mask"].shape[1] - len(expected)
        )
        assert batch["index"][place] == row
    assert batch["tokens"].shape == (3, longest)
    assert (batch["tokens"][~batch["mask"]] == 0).all()


def test_one_row_alone(languages: TextDataModule) -> None:
    row = languages.dataset("val")[3]
    assert row["mask"].all()
    assert row["target"].shape == ()


def test_what_a_model_is_told(languages: TextDataModule) -> None:
    assert languages.inputs == {"modality": "text", "vocab_size": 600, "max_length": 32, "pad_id": 0}
    assert languages.num_classes == 24
    assert "Finnish" in languages.class_names
    assert languages.class_counts.sum() == len(languages.dataset("train"))


@pytest.mark.parametrize("part", ["train", "val", "test"])
def test_an_epoch_holds_every_row_once_and_little_padding(languages: TextDataModule, part: str) -> None:
    batches = _batches(languages, part)
    index = torch.cat([batch["index"] for batch in batches])
    assert index.sort().values.tolist() == list(range(len(languages.dataset(part))))
    assert max(int(batch["tokens"].max()) for batch in batches) < 600
    real = sum(int(batch["mask"].sum()) for batch in batches)
    assert real / sum(batch["mask"].numel() for batch in batches) > 0.9  # 0.5 in random batches


def test_training_batches_differ_between_epochs_and_validation_does_not(languages: TextDataModule) -> None:
    for part, differ in (("train", True), ("val", False)):
        loader = getattr(languages, f"{part}_dataloader")()
        first, second = ([batch["index"].tolist() for batch in loader] for _ in range(2))
        assert (first != second) is differ


def test_the_tokenizer_sees_train_rows_only(table: Path, tmp_path: Path) -> None:
    held_out = tmp_path / "held_out.csv"
    held_out.write_text("text,label\n" + "zyzzyva zyzzyva,pos\nzyzzyva,neg\n" * 20)
    module = TextDataModule(str(table), val_path=str(held_out), test_path=str(held_out))
    module.setup("fit")
    vocabulary = module.text_tokenizer.backend.get_vocab()
    assert "Ġgood" in vocabulary
    assert not any("zy" in token for token in vocabulary)
    tokens = module.dataset("val").__getitems__([0])["tokens"][0]
    assert module.text_tokenizer.decode(tokens.tolist()) == " zyzzyva zyzzyva"


def test_state_restores_identical_batches(languages: TextDataModule) -> None:
    state = languages.state_dict()
    fresh = TextDataModule("sample:languages", vocab_size=5000)
    fresh.load_state_dict(state)
    assert fresh.inputs == languages.inputs
    assert fresh.class_names == languages.class_names
    for ours, theirs in zip(_batches(languages), _batches(fresh), strict=True):
        for name in ours:
            assert torch.equal(ours[name], theirs[name])


def test_state_is_plain_values(languages: TextDataModule, tmp_path: Path) -> None:
    torch.save(languages.state_dict(), tmp_path / "state.pt")
    assert torch.load(tmp_path / "state.pt", weights_only=True) == languages.state_dict()


def test_predict_on_lines_keeps_empty_ones(table: Path, tmp_path: Path) -> None:
    module = TextDataModule(str(table))
    module.setup("fit")
    fresh = TextDataModule("nothing is read from here.csv")
    fresh.load_state_dict(module.state_dict())
    lines = tmp_path / "lines.txt"
    lines.write_text("good bad\n\nnever seen 🙂\n")
    fresh.use_whole(str(lines), with_target=False)
    (batch,) = _batches(fresh, "predict")
    assert sorted(batch["index"].tolist()) == [0, 1, 2]
    assert batch["mask"].any(dim=1).all()
    assert "target" not in batch


def test_test_on_another_file_reads_the_same_column(table: Path, tmp_path: Path) -> None:
    module = TextDataModule(str(table))
    module.setup("fit")
    other = tmp_path / "other.csv"
    other.write_text("title,text,label\na much longer title than the text,good,pos\nanother,bad,neg\n")
    module.use_whole(str(other), with_target=True)
    (batch,) = _batches(module, "test")
    assert module.text_tokenizer.decode(batch["tokens"][batch["target"] == 1][0].tolist()) == " good"
    other.write_text("texts,label\ngood,pos\n")
    with pytest.raises(InputError, match=r"has no column 'text' \(data.text\): did you mean 'texts'\?$"):
        module.use_whole(str(other), with_target=True)


def test_own_tokenizer(table: Path, tmp_path: Path) -> None:
    backend = Tokenizer(models.WordLevel({"[UNK]": 0, "good": 1, "bad": 2}, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.save(str(tmp_path / "own.json"))
    module = TextDataModule(str(table), tokenizer=str(tmp_path / "own.json"), max_length=6)
    assert module.inputs == {"modality": "text", "vocab_size": 4, "max_length": 6, "pad_id": 3}
    batch = _batches(module)[0]
    assert set(batch["tokens"].flatten().tolist()) == {1, 2, 3}
    assert torch.equal(batch["mask"], batch["tokens"] != 3)
    fresh = TextDataModule(str(table))
    fresh.load_state_dict(module.state_dict())  # without the file
    assert fresh.inputs == module.inputs


def test_long_texts_are_said(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    module = TextDataModule(str(table), max_length=4)
    module.dataset("train")
    assert module.dataset("train").__getitems__([0, 1, 2])["tokens"].shape[1] <= 4
    assert "train texts are longer than 4 tokens and are cut there (data.max_length)" in capsys.readouterr().err


def test_numbers_as_target(tmp_path: Path) -> None:
    file = tmp_path / "data.csv"
    file.write_text("text,label\n" + "".join(f"{'very ' * (row % 5)}good,{row / 7:.3f}\n" for row in range(40)))
    module = TextDataModule(str(file))
    assert _batches(module)[0]["target"].dtype == torch.float32
    assert _batches(module)[0]["target"].shape == (6, 1)


def test_a_lone_last_row_is_dropped_in_training_only(table: Path) -> None:
    module = TextDataModule(str(table), batch_size=9)  # 28 train rows
    module.setup("fit")
    assert len(module.dataset("train")) == 28
    assert [len(batch["index"]) for batch in _batches(module, "train")] == [9, 9, 9]
    assert sum(len(batch["index"]) for batch in _batches(module, "val")) == 6


def test_loader_processes_give_the_same_batches(table: Path) -> None:
    module, other = TextDataModule(str(table)), TextDataModule(str(table), num_workers=1)
    for ours, theirs in zip(_batches(module), _batches(other), strict=True):
        assert torch.equal(ours["tokens"], theirs["tokens"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"vocab_size": 257}, "data.vocab_size must be at least 258 (bytes, padding, unknown), got 257"),
        ({"max_length": 0}, "data.max_length must be at least 1 token, got 0"),
        (
            {"tokenizer": "no.json"},
            "no.json: no such file (data.tokenizer): give a tokenizer.json, or leave it out to train one",
        ),
    ],
)
def test_wrong_arguments_are_told_at_once(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InputError) as error:
        TextDataModule("anything.csv", **arguments)  # type: ignore[arg-type]
    assert str(error.value) == message


def test_hyperparameters_are_kept() -> None:
    module = TextDataModule("x.csv", vocab_size=300)
    assert module.hparams["vocab_size"] == 300
    assert module.hparams["path"] == "x.csv"


def test_class_folders_train(tmp_path: Path) -> None:
    for name in ("neg", "pos"):
        for number in range(20):
            file = tmp_path / name / f"{number}.txt"
            file.parent.mkdir(exist_ok=True)
            file.write_text(f"{name} text {number}")
    module = TextDataModule(str(tmp_path))
    module.setup("fit")
    assert module.class_names == ["neg", "pos"]
    assert module.class_counts.tolist() == [14, 14]
    assert all(label.endswith(".txt") for label in module.source("val").row_labels())


# ---- real sets -----------------------------------------------------------------------------------------------------


def test_trec6() -> None:
    module = TextDataModule(_shared("trec6"))
    module.setup("fit")
    assert {part: len(source) for part, source in module.sources.items()} == {"train": 4634, "val": 818, "test": 500}
    assert module.class_names == ["ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM"]
    texts = module.source("test").rows["text"].to_pylist()
    batch = module.dataset("test").__getitems__(range(500))
    for text, tokens in zip(texts, batch["tokens"].tolist(), strict=True):
        assert module.text_tokenizer.decode(tokens) == " " + text


def test_sms_spam() -> None:
    module = TextDataModule(_shared("sms_spam/data.csv"), vocab_size=2000)
    module.setup("fit")
    assert sum(len(source) for source in module.sources.values()) == 5574
    assert module.class_names == ["ham", "spam"]
    spam = module.class_counts[1] / module.class_counts.sum()
    assert spam == pytest.approx(747 / 5574, abs=1e-3)
    assert module.inputs["vocab_size"] == 2000
