"""What a run that goes on takes from its own folder, where its config names another place.

A text backbone's config and tokenizer are in the checkpoint: the folder or model on the hub that they came from, as
`config.yaml` has them, may be gone.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zoo.data.tokenizer import TOKENIZER


def kept_words(content: dict[str, Any], folder: Path, typed: Sequence[str]) -> list[str]:
    """Options, as if typed, that give a fine-tuned text run what its checkpoint holds of the backbone.

    Args:
        content: Of the checkpoint.
        folder: The run folder, in which the tokenizer is written.
        typed: What the user typed, which stands.
    """
    about = content["zoo"]
    config = about["model"]["init_args"].get("backbone_config")
    if config is None or "data" not in about:
        return []
    said = {word.partition("=")[0].replace(".init_args.", ".") for word in typed}
    words: list[str] = []
    if not said & {"--model.backbone", "--model.backbone_config"}:
        words += ["--model.backbone_config", json.dumps(config)]
    tokenizer = content[about["data"]["state_key"]]["encoder"].get("tokenizer")
    if tokenizer is not None and "--data.tokenizer" not in said:
        (folder / TOKENIZER).write_text(tokenizer, encoding="utf-8")
        words += ["--data.tokenizer", str(folder / TOKENIZER)]
    return words
