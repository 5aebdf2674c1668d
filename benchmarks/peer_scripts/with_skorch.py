"""skorch: the network as its user writes it, arrays from scikit-learn's encoders, `NeuralNetClassifier`."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from sklearn.preprocessing import LabelEncoder, OrdinalEncoder, StandardScaler
from skorch import NeuralNetClassifier  # type: ignore[import-not-found]
from skorch.callbacks import Callback  # type: ignore[import-not-found]
from skorch.dataset import Dataset  # type: ignore[import-not-found]
from skorch.helper import predefined_split  # type: ignore[import-not-found]
from torch import Tensor, nn

from benchmarks.peer_scripts.task import BATCH_SIZE, DROPOUT, HIDDEN, LR, THREADS, WEIGHT_DECAY, Task
from benchmarks.peer_scripts.turns import Turns, scores, tell


class Network(nn.Module):
    """(batch, numbers), (batch, categories) -> (batch, classes)."""

    def __init__(self, n_numeric: int, cardinalities: list[int], widths: list[int], n_classes: int) -> None:
        super().__init__()
        self.embeddings = nn.ModuleList(nn.Embedding(c, w) for c, w in zip(cardinalities, widths, strict=True))
        first, second = HIDDEN
        self.layers = nn.Sequential(
            nn.Linear(n_numeric + sum(widths), first),
            nn.ReLU(),
            nn.Dropout(DROPOUT),
            nn.Linear(first, second),
            nn.ReLU(),
            nn.Dropout(DROPOUT),
            nn.Linear(second, n_classes),
        )

    def forward(self, numeric: Tensor, categorical: Tensor) -> Tensor:
        vectors = [embed(categorical[:, column]) for column, embed in enumerate(self.embeddings)]
        logits: Tensor = self.layers(torch.cat([numeric, *vectors], dim=1))
        return logits


class TakeTurns(Callback):  # type: ignore[misc]
    def __init__(self, turns: Turns) -> None:
        self.turns = turns

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        self.turns.next()


def main(task: Task) -> None:
    torch.set_num_threads(THREADS)
    turns = Turns()
    train, val, test = (task.frame(part) for part in ("train", "val", "test"))
    columns = list(task.widths)
    scaler = StandardScaler().fit(train[task.numbers])
    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1).fit(train[columns].astype(object))
    labels = LabelEncoder().fit(train[task.target])

    def arrays(frame: Any) -> tuple[dict[str, Any], Any]:
        encoded = {
            "numeric": scaler.transform(frame[task.numbers]).astype(np.float32),
            "categorical": ordinal.transform(frame[columns].astype(object)).astype(np.int64) + 1,  # 0 is unknown
        }
        return encoded, labels.transform(frame[task.target])

    net = NeuralNetClassifier(
        Network,
        module__n_numeric=len(task.numbers),
        module__cardinalities=[len(levels) + 1 for levels in ordinal.categories_],
        module__widths=list(task.widths.values()),
        module__n_classes=len(labels.classes_),
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.AdamW,
        optimizer__weight_decay=WEIGHT_DECAY,
        lr=LR,
        max_epochs=task.epochs,
        batch_size=BATCH_SIZE,
        iterator_train__shuffle=True,
        train_split=predefined_split(Dataset(*arrays(val))),
        callbacks=[TakeTurns(turns)],
        verbose=0,
    ).initialize()
    tell(library=f"skorch {version('skorch')}", parameters=sum(p.numel() for p in net.module_.parameters()))
    net.partial_fit(*arrays(train))
    turns.end()
    inputs, target = arrays(test)
    tell(**scores(torch.softmax(net.forward(inputs), dim=1), target))


if __name__ == "__main__":
    main(Task.load(sys.argv[1]))
