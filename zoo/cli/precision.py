"""`--trainer.precision auto`: the arithmetic that fits the device, decided once and written into the run's config.

CUDA with bf16 -> bf16-mixed, other CUDA -> 16-mixed, MPS -> 32-true. CPU -> bf16-mixed where the processor has the
instructions and a short trial of the real model is at least `MARGIN` times as fast, else 32-true. The margin is there
so that two identical runs do not fall on different sides; near it they still can, so a run that has to be repeated
exactly is repeated from its own config.yaml, where the decision stands.
"""

from __future__ import annotations

import os
from typing import Any, get_args, get_type_hints

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.accelerators import Accelerator, CPUAccelerator, CUDAAccelerator, MPSAccelerator
from lightning.pytorch.plugins.precision import Precision

from zoo.data.base import DataModule
from zoo.errors import InputError, did_you_mean
from zoo.messages import is_first_process, say
from zoo.models.base import Model
from zoo.models.precision import bf16_gain

AUTO = "auto"
MARGIN = (
    1.4  # above what a small network on 8x8 digits measures (1.2-1.3), below networks on CIFAR-10 and MNIST (1.7-1.9)
)
HANDED_ON = "ZOO_PRECISION"  # tells the other processes of a distributed run what the first one chose
_KINDS = {CPUAccelerator: "cpu", CUDAAccelerator: "cuda", MPSAccelerator: "mps"}
_BF16 = ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16")  # as torch.cpu.get_capabilities calls them


def check_precision(value: int | str | None) -> None:
    """Raises: InputError for what is neither `auto` nor a precision of Lightning's; the nearest is given."""
    hint = get_type_hints(Trainer.__init__)["precision"]
    known = [name for part in get_args(hint) for name in (get_args(part) or ())]
    if value is not None and value != AUTO and value not in known:
        names = [AUTO, *(name for name in known if isinstance(name, str))]
        raise InputError(f"trainer.precision cannot be {value!r}: {did_you_mean(str(value), names)}")


def settle_precision(trainer: Any, model: Model, data: DataModule) -> Any:
    """The precision to train in: what was asked for, or what `auto` comes to, which is said in one line.

    Args:
        trainer: The trainer's settings by attribute: precision, accelerator, plugins.
        model: As it will be trained; not touched.
        data: Gives the rows of the trial.
    """
    if trainer.precision != AUTO:
        return trainer.precision
    plugins = trainer.plugins if isinstance(trainer.plugins, list) else [trainer.plugins]
    if any(isinstance(plugin, Precision) for plugin in plugins):
        return None  # the user's own plugin decides
    if not is_first_process() and HANDED_ON in os.environ:
        return os.environ[HANDED_ON]
    value, why = choose(device_kind(trainer.accelerator), model, data)
    say(f"precision: {value} ({why})")
    os.environ[HANDED_ON] = value
    return value


def device_kind(accelerator: str | Accelerator) -> str:
    """cuda, mps, cpu, or the accelerator's own name."""
    if isinstance(accelerator, Accelerator):
        return _KINDS.get(type(accelerator), type(accelerator).__name__)
    if accelerator not in (AUTO, "gpu"):
        return accelerator
    if CUDAAccelerator.is_available():
        return "cuda"
    return "mps" if MPSAccelerator.is_available() else "cpu"


def choose(kind: str, model: Model, data: DataModule) -> tuple[str, str]:
    """The precision for a kind of device, and why."""
    if kind == "cuda":
        with_bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
        return ("bf16-mixed", "the GPU has bf16") if with_bf16 else ("16-mixed", "the GPU has no bf16")
    if kind != "cpu":
        return "32-true", f"the safe choice on {kind}"
    if not cpu_has_bf16():
        return "32-true", "the processor has no bf16"
    if launched_with_others():
        return "32-true", "not measured: the processes were started from outside and cannot agree"
    return by_trial(model, data)


def cpu_has_bf16() -> bool:
    """Whether the processor has instructions for bf16; True where torch is too old to say, then the trial decides."""
    capabilities = getattr(torch.cpu, "get_capabilities", None)
    return capabilities is None or any(capabilities().get(name) for name in _BF16)


def launched_with_others() -> bool:
    """Whether another program (torchrun, SLURM, ...) has started several processes of this run."""
    return any(int(os.environ.get(name) or 1) > 1 for name in ("WORLD_SIZE", "SLURM_NTASKS"))


def by_trial(model: Model, data: DataModule) -> tuple[str, str]:
    """bf16-mixed where a trial of the model shows that it pays."""
    dataset = data.dataset("train")
    n_rows = min(data.rows_per_batch, len(dataset))
    try:
        gain = bf16_gain(model, lambda n: dataset.__getitems__(range(n)), n_rows)
    except Exception as error:  # whatever it is, training says it better, or does not meet it
        return "32-true", f"a trial was not possible: {type(error).__name__}"
    if gain is None:
        return "32-true", "a step is too short to gain from bf16"
    value = "bf16-mixed" if gain >= MARGIN else "32-true"
    return value, f"a step in bf16 is {gain:.3g} times as fast here, {MARGIN:g} is asked for"
