"""Size and rate of an MLP by the number of train rows of a table, where nothing was said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Recipe:
    """What fits a number of rows."""

    hidden: tuple[int, ...]
    dropout: float
    lr: float


# Chosen on validation rows of public sets. A few hundred rows (credit_g, breast_cancer) are learned by heart in two
# epochs at the rate that thousands (spambase, wine_quality, adult) need to get anywhere; between 700 and 2500 rows none
# was tried.
FEW_ROWS = 2000
FEW = Recipe((128, 128), 0.2, 1e-3)
MANY = Recipe((256, 256), 0.1, 4e-3)
OTHER = Recipe((256, 256), 0.1, 2e-3)  # images and texts


def recipe_for(inputs: dict[str, Any]) -> Recipe:
    """The recipe for an input.

    Args:
        inputs: What the data module says of its input; of a table that does not tell its `n_rows`, many are taken.

    Example:
        >>> recipe_for({"modality": "tabular", "n_rows": 400}).hidden
        (128, 128)
    """
    if inputs.get("modality") != "tabular":
        return OTHER
    return FEW if inputs.get("n_rows", FEW_ROWS) < FEW_ROWS else MANY


def sized(
    inputs: dict[str, Any], hidden: list[int] | None, dropout: float | None, lr: float | str | None
) -> tuple[list[int], float, float | str]:
    """What was said, and the recipe's where nothing was."""
    recipe = recipe_for(inputs)
    return (
        list(recipe.hidden) if hidden is None else hidden,
        recipe.dropout if dropout is None else dropout,
        recipe.lr if lr is None else lr,
    )
