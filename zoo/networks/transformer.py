"""The encoder that every Transformer here shares: pre-norm blocks (Xiong et al. 2020, arXiv:2002.04745)."""

from torch import Tensor, nn

from zoo.networks.activations import build_activation
from zoo.networks.attention import MultiHeadSelfAttention
from zoo.networks.checks import check_fraction, check_positive
from zoo.networks.dropout import Dropout
from zoo.networks.stochastic_depth import StochasticDepth


class TransformerBlock(nn.Module):
    """Pre-norm block: ``x + attention(norm(x))``, then ``x + feed_forward(norm(x))``.

    Args:
        d_model: width of a position.
        n_heads: number of attention heads.
        d_feedforward: hidden width of the feed-forward part; None = ``4 * d_model``.
        dropout: fraction (0-1) dropped of attention weights, hidden units and both branches.
        drop_path: chance (0-1) that a row skips a branch during training.
        activation: name of the activation in the feed-forward part.
        rotary: rotate queries and keys by their position.

    Shape:
        x: (batch, length, d_model), mask: bool (batch, length) or None, True = real position
        -> (batch, length, d_model)

    Example:
        >>> import torch
        >>> TransformerBlock(16, 4)(torch.rand(2, 5, 16)).shape
        torch.Size([2, 5, 16])
    """

    def __init__(
        self,
        d_model: int,
        n_heads: int,
        *,
        d_feedforward: int | None = None,
        dropout: float = 0.0,
        drop_path: float = 0.0,
        activation: str = "gelu",
        rotary: bool = False,
    ) -> None:
        super().__init__()
        d_hidden = 4 * d_model if d_feedforward is None else d_feedforward
        check_positive("d_feedforward", d_hidden)
        self.attention_norm = nn.LayerNorm(d_model)
        self.attention = MultiHeadSelfAttention(d_model, n_heads, dropout=dropout, rotary=rotary)
        self.feedforward_norm = nn.LayerNorm(d_model)
        self.feedforward = nn.Sequential(
            nn.Linear(d_model, d_hidden),
            build_activation(activation),
            Dropout(dropout),
            nn.Linear(d_hidden, d_model),
        )
        self.dropout = Dropout(dropout)
        self.drop_path = StochasticDepth(drop_path)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        mixed: Tensor = x + self.drop_path(self.dropout(self.attention(self.attention_norm(x), mask)))
        output: Tensor = mixed + self.drop_path(self.dropout(self.feedforward(self.feedforward_norm(mixed))))
        return output


class TransformerEncoder(nn.Module):
    """A stack of pre-norm blocks and a last norm.

    Args:
        d_model: width of a position, a multiple of `n_heads`.
        n_layers: number of blocks.
        n_heads: number of attention heads.
        d_feedforward: hidden width of the feed-forward part; None = ``4 * d_model``.
        dropout: fraction (0-1) dropped during training, in every block.
        drop_path: stochastic depth (0-1) of the last block; block l of L has l / L of it (arXiv:1603.09382).
        activation: name of the activation in the feed-forward part.
        rotary: rotate queries and keys by their position.

    Shape:
        x: (batch, length, d_model), mask: bool (batch, length) or None, True = real position
        -> (batch, length, d_model)

    Raises:
        ValueError: an argument is out of range.

    Example:
        >>> import torch
        >>> TransformerEncoder(16, 2, 4)(torch.rand(2, 5, 16), torch.ones(2, 5, dtype=torch.bool)).shape
        torch.Size([2, 5, 16])
    """

    def __init__(
        self,
        d_model: int,
        n_layers: int,
        n_heads: int,
        *,
        d_feedforward: int | None = None,
        dropout: float = 0.0,
        drop_path: float = 0.0,
        activation: str = "gelu",
        rotary: bool = False,
    ) -> None:
        super().__init__()
        check_positive("n_layers", n_layers)
        check_fraction("dropout", dropout)
        check_fraction("drop_path", drop_path)
        self.blocks = nn.ModuleList(
            TransformerBlock(
                d_model,
                n_heads,
                d_feedforward=d_feedforward,
                dropout=dropout,
                drop_path=drop_path * depth / n_layers,
                activation=activation,
                rotary=rotary,
            )
            for depth in range(1, n_layers + 1)
        )
        self.norm = nn.LayerNorm(d_model)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        for block in self.blocks:
            x = block(x, mask)
        normed: Tensor = self.norm(x)
        return normed
