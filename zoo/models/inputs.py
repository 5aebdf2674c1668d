"""From the description of an input to a network of the family, or one clear line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from zoo.errors import InputError

_INSTEAD = {"CNN": {"tabular": "columns of a table have no neighbours; use MLPClassifier or TransformerClassifier"}}


def network_for(family: str, inputs: dict[str, Any], makers: dict[str, Callable[[], nn.Module]]) -> nn.Module:
    """Build the network that a family has for this kind of input.

    Args:
        family: Name of the family, for messages.
        inputs: Description of the input; its `modality` chooses.
        makers: Modality -> what builds the network.

    Raises:
        InputError: The family does not take such an input, or an option is out of its range.
    """
    modality = inputs.get("modality")
    if modality not in makers:
        instead = _INSTEAD.get(family, {}).get(str(modality), f"it takes {', '.join(makers)}")
        raise InputError(f"{family} does not take {modality} input: {instead}")
    try:
        return makers[modality]()
    except InputError:
        raise
    except ValueError as error:
        raise InputError(f"model: {error}") from error
