"""Whether torch looks for an NVIDIA driver, again and again, on a machine that has none."""

import os

import torch

BY_LIBRARY = "PYTORCH_NVML_BASED_CUDA_CHECK"


def forget_absent_driver() -> None:
    """Let `torch.cuda.is_available()` be as cheap as torch made it, where there is no GPU.

    Importing Lightning makes that question search the disk for the driver's library, so that asking it does not start
    CUDA before a fork. Torch's optimisers ask at every step; without a GPU the search costs 0.2 ms each time, and there
    is no CUDA that could start.
    """
    if not torch.cuda.is_available():
        os.environ.pop(BY_LIBRARY, None)
