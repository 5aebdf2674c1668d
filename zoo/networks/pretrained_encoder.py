"""Any text encoder of the `transformers` library under a head of its own (Devlin et al. 2019, arXiv:1810.04805).

transformers is imported when the first encoder is built, not with this file. Nothing of what it reads is run: weights
are safetensors, and code that a hub holds is never trusted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from zoo.hub import BESIDE, hub_file, quiet_hub
from zoo.networks.checks import check_fraction, check_positive
from zoo.networks.dropout import Dropout
from zoo.networks.pooling import build_pooling
from zoo.networks.token_dropout import TokenDropout

_NOT_ARCHITECTURE = ("_name_or_path", "architectures", "auto_map", "dtype", "torch_dtype", "transformers_version")
_OWN = 0.9  # of the encoder's tokens that the data must know; encoders pad their tables by a few in a hundred


class PretrainedEncoder(nn.Module):
    """An encoder of transformers, pooling, dropout, linear head.

    Args:
        name: Model on the Hugging Face hub, or a folder with config.json and model.safetensors.
        d_out: number of outputs (classes or targets).
        config: the architecture, as `config` of an encoder that was built from `name`; then nothing is read, neither
            folder nor hub, and weights are random until `load_state_dict`.
        pretrained: whether to load the weights that `name` has.
        vocab_size: token ids of the data, or None to check nothing.
        max_length: longest text of the data in tokens, or None to check nothing.
        pooling: ``mean``, ``max``, ``cls`` (the first token, which the tokenizer has added) or ``attention``.
        dropout: fraction (0-1) dropped during training, inside the encoder and before the head.
        token_dropout: fraction (0-1) of real tokens hidden during training.

    Shape:
        tokens: int64 (batch, length), mask: bool (batch, length), True = real token -> (batch, d_out)

    Raises:
        ValueError: transformers is not installed; an argument is out of range; there is no such folder or model, it has no weights in safetensors, is
            no encoder of one text, or knows fewer tokens or shorter texts than the data have.
    """

    def __init__(
        self,
        name: str,
        d_out: int,
        *,
        config: dict[str, Any] | None = None,
        pretrained: bool = False,
        vocab_size: int | None = None,
        max_length: int | None = None,
        pooling: str = "mean",
        dropout: float = 0.1,
        token_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        check_positive("d_out", d_out)
        check_fraction("dropout", dropout)
        with _transformers(name):
            described = _read_config(name) if config is None else _config_of(config)
        check_fits(name, described, vocab_size=vocab_size, max_length=max_length)
        self.config = _plain(described)
        load = pretrained and config is None
        if load and vocab_size is not None and vocab_size < _OWN * described.vocab_size:
            raise ValueError(
                f"the data have {vocab_size} tokens, {name} was trained on {described.vocab_size}: "
                f"data.tokenizer must be {name!r} too"
            )
        with _transformers(name):
            self.encoder = _load(name, described) if load else _random(described)
        _settle_dropout(self.encoder, dropout)
        self.pad_id = int(getattr(described, "pad_token_id", None) or 0)
        self.token_dropout = TokenDropout(token_dropout)
        self.pooling = build_pooling(pooling, described.hidden_size)
        self.dropout = Dropout(dropout)
        self.head = nn.Linear(described.hidden_size, d_out)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        visible: Tensor = self.token_dropout(mask)
        tokens = tokens.masked_fill(~mask, self.pad_id)  # the data's padding may be no token of the encoder
        x = self.encoder(input_ids=tokens, attention_mask=visible.long()).last_hidden_state  # (batch, length, d_model)
        logits: Tensor = self.head(self.dropout(self.pooling(x, visible)))  # (batch, d_model) -> (batch, d_out)
        return logits

    def layer_groups(self) -> list[list[str]]:
        """Names of all parameters, each once, from the embeddings over the layers to the head."""
        layers = f"encoder.{_layers_of(self.encoder)}."
        groups: list[list[str]] = [[]]
        for name, _ in self.named_parameters():
            if not name.startswith("encoder."):
                continue
            # What stands after the layers, as a last normalisation, goes with the last of them.
            if name.startswith(layers):
                place = int(name.removeprefix(layers).split(".")[0]) + 1
                groups += [[] for _ in range(place + 1 - len(groups))]
            groups[-1].append(name)
        head = [name for name, _ in self.named_parameters() if not name.startswith("encoder.")]
        return [*(group for group in groups if group), head]


def check_fits(name: str, config: Any, *, vocab_size: int | None, max_length: int | None) -> None:
    """Raise ``ValueError`` unless a model of transformers reads one text, all tokens of the data, and as many."""
    if getattr(config, "is_encoder_decoder", False):
        raise ValueError(f"{name} writes text ({config.model_type}): model.backbone must be an encoder, as BERT is one")
    tokens = getattr(config, "vocab_size", None)
    if tokens is None or getattr(config, "hidden_size", None) is None:
        raise ValueError(
            f"{name} reads more than one text ({config.model_type}): model.backbone must be a text encoder"
        )
    if vocab_size is not None and vocab_size > tokens + 1:  # one more where the data module added a token for padding
        raise ValueError(
            f"the data have {vocab_size} tokens, {name} knows {tokens}: data.tokenizer must be {name!r} too"
        )
    longest = longest_text(config)
    if max_length is not None and longest is not None and max_length > longest:
        raise ValueError(f"{name} reads at most {longest} tokens, data.max_length is {max_length}")


def longest_text(config: Any) -> int | None:
    """Tokens of the longest text that a model reads; None is any."""
    positions = getattr(config, "max_position_embeddings", None)
    if not positions or positions < 0:
        return None
    # RoBERTa and its kin count positions from behind the padding's.
    offset = (config.pad_token_id or 0) + 1 if "roberta" in config.model_type or config.model_type == "mpnet" else 0
    return int(positions) - offset


def longest_of(name: str) -> int | None:
    """As `longest_text`, of a model on the hub or in a folder."""
    with _transformers(name):
        return longest_text(_read_config(name))


@contextmanager
def _transformers(name: str) -> Iterator[None]:
    """Within, transformers prints nothing; that it is missing, or what it refuses, is a ``ValueError`` of one line."""
    try:
        from transformers.utils import logging
    except ModuleNotFoundError as missing:
        raise ValueError(
            f"the backbone {name} is a model of transformers, which is not installed: pip install lightning-zoo[text]"
        ) from missing
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(logging.CRITICAL)
    logging.disable_progress_bar()
    try:
        yield
    except (OSError, RuntimeError, KeyError, TypeError) as refusal:
        raise ValueError(f"{name} cannot be the backbone ({_first_line(refusal)}): give {BESIDE}") from refusal
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160]


def _read_config(name: str) -> Any:
    from transformers import AutoConfig

    folder = Path(name).expanduser()
    file = folder / "config.json" if folder.is_dir() else hub_file(name, "config.json")
    if not file.is_file():
        raise OSError("it holds no config.json")
    try:
        return AutoConfig.from_pretrained(str(file), trust_remote_code=False)
    except ValueError as refusal:  # no model_type, or code of its own
        raise OSError(_first_line(refusal)) from refusal


def _config_of(config: dict[str, Any]) -> Any:
    from transformers import AutoConfig

    return AutoConfig.for_model(**config)


def _plain(config: Any) -> dict[str, Any]:
    """The architecture as plain values: what differs from the library's defaults, and the kind of model."""
    plain: dict[str, Any] = json.loads(config.to_json_string(use_diff=True))
    for key in (*_NOT_ARCHITECTURE, "id2label", "label2id", "problem_type"):
        plain.pop(key, None)
    return plain | {"model_type": config.model_type}


def _random(config: Any) -> nn.Module:
    from transformers import AutoModel

    return _without_pooler(AutoModel.from_config(config, dtype=torch.float32))


def _load(name: str, config: Any) -> nn.Module:
    from transformers import AutoModel

    folder = Path(name).expanduser()
    with quiet_hub() as online:
        model, report = AutoModel.from_pretrained(
            str(folder) if folder.is_dir() else name,
            local_files_only=folder.is_dir() or not online,
            config=config,
            dtype=torch.float32,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    missing = sorted(key for key in report["missing_keys"] if not key.startswith("pooler."))
    if missing:
        raise OSError(f"its weights lack {len(missing)} of the encoder's, as {missing[0]}")
    return _without_pooler(model.train())  # the library hands it over for reading


def _without_pooler(model: Any) -> nn.Module:
    """BERT's layer for guessing the next sentence is not read: its weights would be kept and sent for nothing."""
    if getattr(model, "pooler", None) is not None:
        model.pooler = None
    whole: nn.Module = model
    return whole


def _settle_dropout(model: nn.Module, rate: float) -> None:
    """One rate everywhere, by zoo's faster dropout; none inside the attention, which a CPU computes faster without."""
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if type(child) is nn.Dropout:
                # Where it is the attention's, only its rate is read.
                attention = {"query", "q_lin"} & {beside for beside, _ in module.named_children()}
                setattr(module, name, Dropout(0.0 if attention else rate))


def _layers_of(model: nn.Module) -> str:
    """Name of the list that holds the layers: the longest, the outermost of those."""
    lists = [(len(module), name) for name, module in model.named_modules() if isinstance(module, nn.ModuleList)]
    longest: str = max(lists, key=lambda found: found[0])[1]
    return longest
