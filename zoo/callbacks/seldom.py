"""The base of callbacks that take no part in a step, and so cost it nothing."""

from typing import Any

from lightning.pytorch import Callback


class Seldom(Callback):
    """A callback without the six hooks of a step.

    Lightning asks every callback at each of them, which for the ten of `zoo fit` costs a small model a twentieth of its
    step, and passes over a hook that cannot be called. A subclass that has work in a step defines its hook as ever.

    Example:
        >>> callable(Seldom().on_train_batch_end), callable(Seldom().on_train_epoch_end)
        (False, True)
    """

    on_train_batch_start: Any = None
    on_before_zero_grad: Any = None
    on_before_backward: Any = None
    on_after_backward: Any = None
    on_before_optimizer_step: Any = None
    on_train_batch_end: Any = None
