"""Bins of numeric columns, placed by the train rows before the first step; then they are kept with the weights."""

from __future__ import annotations

from typing import Any

from torch import nn

from zoo.networks.numeric_embedding import PiecewiseLinear


def place_bins(network: nn.Module, data: Any) -> None:
    """Place the bins of each piecewise-linear embedding in the network that has none yet.

    They are placed once: weights that were trained, or loaded, belong to the bins they were trained with.

    A tree on the target cuts the columns; of several targets none is above the others, so there it is quantiles.

    Args:
        network: Of a model for tables.
        data: Data module whose train rows are read.
    """
    for embedding in network.modules():
        if isinstance(embedding, PiecewiseLinear) and not embedding.placed:
            arrays = data.dataset("train").arrays
            target = arrays["target"]
            if target.ndim == 2:
                target = target[:, 0] if target.shape[1] == 1 else None
            embedding.fit(arrays["numeric"], target, regression=data.target_encoder.task == "regression")
