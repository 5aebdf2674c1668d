"""Lightning's Trainer with what zoo's parser needs of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from lightning.pytorch import Trainer


class ZooTrainer(Trainer):
    """Lightning's Trainer as the parser sees it: `precision` may be `auto`, and 1 batch is not 1.0, all of them.

    Lightning says `Optional[Union[int, float]]`. Python keeps one such union a process, in the order in which a library
    wrote it first, and the parser takes the first type that fits: with `float` in front, 1 would become 1.0. `int | float`
    is kept as it is written.

    Args:
        precision: auto (by device, see `zoo.cli.precision`), 32-true, bf16-mixed, 16-mixed, bf16-true, 64-true, ...
        limit_train_batches: Train on so many batches an epoch, or such a share of them.
        limit_val_batches: Validate on so many batches, or such a share of them.
        limit_test_batches: Test on so many batches, or such a share of them.
        limit_predict_batches: Predict so many batches, or such a share of them.
        overfit_batches: Train and validate on so many batches, or such a share of them, always the same.
        val_check_interval: Validate after such a share of an epoch, after so many batches, or after a time.
    """

    def __init__(
        self,
        *,
        precision: int | str | None = None,
        limit_train_batches: int | float | None = None,
        limit_val_batches: int | float | None = None,
        limit_test_batches: int | float | None = None,
        limit_predict_batches: int | float | None = None,
        overfit_batches: int | float = 0.0,
        val_check_interval: int | float | str | timedelta | dict[str, int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            precision=precision,  # type: ignore[arg-type]
            limit_train_batches=limit_train_batches,
            limit_val_batches=limit_val_batches,
            limit_test_batches=limit_test_batches,
            limit_predict_batches=limit_predict_batches,
            overfit_batches=overfit_batches,
            val_check_interval=val_check_interval,
            **kwargs,
        )
