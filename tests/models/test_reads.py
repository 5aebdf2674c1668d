"""A word that a network does not read is said in one line; the table of what is read is true; typos are errors."""

import inspect
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.fits import QUIET, build, data_of, short_trainer
from tests.pretrained import save_encoder
from zoo import messages
from zoo.errors import InputError
from zoo.models import CNNClassifier, MLPClassifier, TransformerClassifier, TransformerRegressor
from zoo.models.reads import READS, WORDS, without_effect

pytestmark = QUIET

INPUTS: dict[str, dict[str, Any]] = {
    "tabular": {"modality": "tabular", "n_numeric": 3, "cardinalities": [4]},
    "image": {"modality": "image", "channels": 3, "height": 32, "width": 32},
    "text": {"modality": "text", "vocab_size": 30, "max_length": 8, "pad_id": 0},
}
INPUTS["ngrams"] = INPUTS["text"] | {"n_ngrams": [20, 10]}
OTHER: dict[str, Any] = {
    "ensemble": 3, "numeric_embedding": "periodic", "hidden": [5], "activation": "tanh", "dropout": 0.33,
    "norm": "layer", "init": "orthogonal", "widths": [3], "n_blocks": 2, "drop_path": 0.15, "d_model": 8,
    "n_layers": 1, "n_heads": 2, "d_feedforward": 12, "token_dropout": 0.25, "head_dropout": 0.45, "window": 3,
    "phrases": True, "position": "rotary", "pooling": "max", "patch": 8,
}  # fmt: skip
EVERY = [
    (MLPClassifier, "tabular", {}), (MLPClassifier, "tabular", {"ensemble": 1}), (MLPClassifier, "image", {}),
    (MLPClassifier, "text", {}), (CNNClassifier, "image", {}), (CNNClassifier, "image", {"backbone": "test_resnet"}),
    (CNNClassifier, "text", {}), (TransformerClassifier, "tabular", {}), (TransformerClassifier, "image", {}),
    (TransformerClassifier, "image", {"backbone": "test_vit"}), (TransformerClassifier, "text", {}),
]  # fmt: skip


def description(model: Any) -> str:
    """Everything that a word can change in a network: its modules with their settings, and its weights."""
    torch.manual_seed(0)
    weights = [
        (name, tuple(p.shape), float(p.detach().double().abs().sum())) for name, p in model.network.named_parameters()
    ]
    rates = [(type(m).__name__, getattr(m, "p", None), getattr(m, "rate", None), getattr(m, "drop_prob", None),
              getattr(m, "dropout", None) if isinstance(getattr(m, "dropout", None), float) else None)
             for m in model.network.modules()]  # fmt: skip
    plain = [
        str(sorted((k, v) for k, v in vars(m).items() if isinstance(v, int | float | str)))
        for m in model.network.modules()
    ]
    return f"{model.network} {weights} {rates} {plain}"


@pytest.mark.parametrize(("kind", "modality", "first"), EVERY)
def test_the_table_says_what_a_network_reads(kind: Any, modality: str, first: dict[str, Any]) -> None:
    def made(**options: Any) -> Any:
        torch.manual_seed(0)
        return kind(INPUTS[modality], 3, **(first | options))

    plain = made()
    own = [name for name in inspect.signature(kind.__init__).parameters if name in WORDS and name in OTHER]
    assert len(own) > 5
    for word in own:
        if word in first:
            continue
        other = made(**{word: OTHER[word]})
        said = without_effect(other)
        called, read = READS[type(plain.network).__name__]
        assert (said is None) == (description(other) != description(plain)) == (word in read), word
        assert said in (None, f"model: {word} has no effect on {called}")


def test_words_that_only_a_backbone_reads() -> None:
    for model, said in (
        (CNNClassifier(INPUTS["text"], 2, backbone="resnet18", pretrained=True), "backbone, pretrained have"),
        (TransformerClassifier(INPUTS["tabular"], 2, pretrained=True), "pretrained has"),
        (TransformerRegressor(INPUTS["ngrams"], patch=8), "patch has"),
        (
            MLPClassifier(INPUTS["ngrams"], 2, ensemble=4, numeric_embedding="periodic"),
            "ensemble, numeric_embedding have",
        ),
    ):
        found = without_effect(model)
        assert found is not None
        assert found.startswith(f"model: {said} no effect on ")
    assert without_effect(TransformerRegressor(INPUTS["ngrams"], token_dropout=0.1)) is None


def test_a_text_backbone_reads_what_stands_beside_it(tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="the extra `text` is not installed")
    inputs = INPUTS["ngrams"] | {"vocab_size": 16}
    words: dict[str, Any] = {"backbone": str(save_encoder(tmp_path)), "phrases": True}
    assert without_effect(TransformerClassifier(inputs, 2, **words)) is None
    found = without_effect(TransformerClassifier(inputs, 2, window=3, **words))
    assert found == "model: window has no effect on a text backbone"


def test_it_is_said_when_a_fit_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "_said", set())
    data = data_of("tabular", tmp_path)
    model = build("TransformerClassifier", data, window=3, head_dropout=0.2, focal_gamma=1.0)
    with messages.heard() as lines:
        short_trainer(tmp_path).fit(model, datamodule=data)
    assert lines.count("model: head_dropout, window have no effect on tables") == 1
    assert lines.count("model: focal_gamma has no effect on the loss cross_entropy") == 1


@pytest.mark.parametrize("modality", ["tabular", "image", "text"])
@pytest.mark.parametrize(
    ("kind", "word"),
    [(MLPClassifier, "activation"), (MLPClassifier, "norm"), (MLPClassifier, "init"), (MLPClassifier, "numeric_embedding"),
     (CNNClassifier, "activation"), (CNNClassifier, "init"), (TransformerClassifier, "activation"),
     (TransformerClassifier, "position"), (TransformerClassifier, "pooling"), (TransformerClassifier, "init")],
)  # fmt: skip
def test_a_name_that_there_is_not_is_an_error_with_any_input(kind: Any, word: str, modality: str) -> None:
    if (kind, modality) == (CNNClassifier, "tabular"):
        return
    backbone = {"backbone": "test_resnet"} if (kind, modality) == (CNNClassifier, "image") else {}
    with pytest.raises(InputError, match=rf"^model: {word} must be one of .*, got 'nonsense'"):
        kind(INPUTS[modality], 2, **{word: "nonsense"}, **backbone)


@pytest.mark.parametrize("modality", ["image", "text"])
def test_no_widths_at_all_is_an_error(modality: str) -> None:
    with pytest.raises(InputError, match=r"^model: widths must name at least one"):
        CNNClassifier(INPUTS[modality], 2, widths=[])


@pytest.mark.parametrize("modality", ["tabular", "image"])
def test_an_ensemble_of_none_names_the_word(modality: str) -> None:
    with pytest.raises(InputError, match=r"^model.ensemble must be at least 1, got 0$"):
        MLPClassifier(INPUTS[modality], 2, ensemble=0)
