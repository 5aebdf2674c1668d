"""Members that read one text in different ways, whose answers are averaged.

The encoder reads order and distance, a convolution finds short phrases wherever they stand, and a linear model of
n-grams knows words and stems from few rows. They err in different places, so their mean can be better than each.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from zoo.networks.checks import check_choice
from zoo.networks.members import AVERAGES, averaged
from zoo.networks.ngram_linear import NgramLinear
from zoo.networks.pretrained_encoder import PretrainedEncoder
from zoo.networks.text_cnn import TextCNN


class TextEnsemble(nn.Module):
    """A text network with a convolution over tokens, a linear model of n-grams, or both beside it.

    In training each member answers for itself, so that each has a loss of its own; in evaluation their answers are
    averaged.

    NOTE[DIFF] Cheng et al. 2016 (arXiv:1606.07792) add a wide and a deep part before one loss. On small data the deep
    part then learns the rows by heart and the wide one stops to learn: accuracy on validation rows of mr_rt_polarity
    .746 against .782, of trec6 .853 against .873.

    Args:
        deep: takes tokens and mask.
        phrases: takes tokens and mask.
        linear: takes n-grams.
        average: of the members: ``softmax``, ``sigmoid`` or ``mean`` (`zoo.networks.members.averaged`).

    Shape:
        tokens: int64 (batch, length), mask: bool (batch, length), ngrams: int64 (batch, most), 0 = none, where there
        is `linear` -> in training (batch, members, d_out), else (batch, d_out)

    Raises:
        ValueError: the name of the average is unknown, or there is one member only.

    Example:
        >>> import torch
        >>> from zoo.networks import NgramLinear, TextMLP
        >>> tokens = torch.randint(1, 100, (4, 12))
        >>> network = TextEnsemble(TextMLP(100, 3), linear=NgramLinear([300, 200], 3))
        >>> network(tokens, tokens != 0, torch.randint(0, 500, (4, 20))).shape
        torch.Size([4, 2, 3])
    """

    def __init__(
        self,
        deep: nn.Module,
        *,
        phrases: nn.Module | None = None,
        linear: NgramLinear | None = None,
        average: str = "softmax",
    ) -> None:
        super().__init__()
        check_choice("average", average, AVERAGES)
        if phrases is None and linear is None:
            raise ValueError("an ensemble of one network is that network: give phrases, linear or both")
        self.average = average
        self.deep = deep
        self.phrases = phrases
        self.linear = linear

    def forward(self, tokens: Tensor, mask: Tensor, ngrams: Tensor | None = None) -> Tensor:
        answers = [self.deep(tokens, mask)]
        if self.phrases is not None:
            answers.append(self.phrases(tokens, mask))
        if self.linear is not None:
            answers.append(self.linear(ngrams))
        members = torch.stack(answers, dim=1)  # (batch, members, d_out)
        return members if self.training else averaged(members, self.average)

    def layer_groups(self) -> list[list[str]]:
        """Names of the parameters of each layer of `deep`; beside its last two, the layers and the head of the others.

        Beside an encoder that may be pretrained all of them are new, as its head is, and stand with that.
        """
        groups = _named_layers("deep", self.deep)
        if self.phrases is not None:
            *layers, head = _named_layers("phrases", self.phrases)
            groups[-1 if isinstance(self.deep, PretrainedEncoder) else -2] += [n for names in layers for n in names]
            groups[-1] += head
        if self.linear is not None:
            groups[-1].append("linear.weight")
        return groups

    def no_weight_decay(self) -> set[str]:
        """Names of parameters that weight decay should spare besides biases and norms (timm's convention)."""
        named: set[str] = getattr(self.deep, "no_weight_decay", set)()
        return {f"deep.{name}" for name in named}


def _named_layers(member: str, network: Any) -> list[list[str]]:
    return [[f"{member}.{name}" for name in names] for names in network.layer_groups()]


def with_members(
    deep: nn.Module, inputs: Mapping[str, Any], d_out: int, *, average: str, phrases: bool = False
) -> nn.Module:
    """`deep` with a convolution where it is asked for and a linear model where the data gives n-grams, or `deep` itself.

    Args:
        deep: takes tokens and mask.
        inputs: What the data module says of its input.
        d_out: number of outputs (classes or targets).
        average: of the members, as in `TextEnsemble`.
        phrases: Whether a `TextCNN` stands beside it.
    """
    linear = NgramLinear(inputs["n_ngrams"], d_out) if "n_ngrams" in inputs else None
    if linear is None and not phrases:
        return deep
    found = TextCNN(inputs["vocab_size"], d_out, pad_id=inputs["pad_id"]) if phrases else None
    return TextEnsemble(deep, phrases=found, linear=linear, average=average)
