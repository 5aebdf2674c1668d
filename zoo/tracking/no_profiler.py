"""Measure nothing, at no cost."""

from contextlib import AbstractContextManager, nullcontext

from lightning.pytorch.profilers import PassThroughProfiler


class NoProfiler(PassThroughProfiler):
    """Lightning's own way to measure nothing makes a generator each time: a hundred and fifty in a step.

    Example:
        >>> with NoProfiler().profile("step") as name:
        ...     print(name)
        step
    """

    def profile(self, action_name: str) -> AbstractContextManager[str]:  # type: ignore[override]
        return nullcontext(action_name)
