"""Layers that look up rows by their numbers."""

from __future__ import annotations

from typing import Any

from minnet.creation import empty
from minnet.functional.embedding import embedding, padding
from minnet.mode import no_grad
from minnet.nn import init
from minnet.nn.module import Module
from minnet.nn.parameter import Parameter


class Embedding(Module):
    """A table with a vector for each of `num_embeddings` indices, drawn from N(0, 1).

    Args:
        num_embeddings: how many rows the table has.
        embedding_dim: the size of each.
        padding_idx: a row that starts as zeros and that no gradient goes to.
        max_norm: before each forward the rows in use that are longer are scaled to this length.
        norm_type: of which norm the length is.
        scale_grad_by_freq: divide a row's gradient by how often it is in the batch.
        sparse: sparse gradients, which there are none of: forward refuses.
        device: where the weight lives.
        dtype: its floating point dtype.

    Shape:
        input, int64 or int32, of any shape; output (*input.shape, embedding_dim); `weight`
        (num_embeddings, embedding_dim).

    Raises:
        AssertionError: if there is no row `padding_idx`.

    Example:
        >>> import minnet
        >>> layer = minnet.nn.Embedding(10, 3, padding_idx=0)
        >>> layer(minnet.tensor([[0, 2, 4]])).shape
        torch.Size([1, 3, 3])
        >>> layer(minnet.tensor(0))
        tensor([0., 0., 0.], grad_fn=<EmbeddingBackward0>)
    """

    weight: Parameter

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Any = None,
        _freeze: bool = False,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = padding(padding_idx, num_embeddings)
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.sparse = sparse
        shape = num_embeddings, embedding_dim
        if _weight is None:
            self.weight = Parameter(empty(shape, device=device, dtype=dtype), not _freeze)
            self.reset_parameters()
        elif _weight.shape != shape:
            raise AssertionError("Shape of weight does not match num_embeddings and embedding_dim")
        else:
            self.weight = Parameter(_weight, not _freeze)

    def reset_parameters(self) -> None:
        """Draw the weight anew."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx].fill_(0)

    def forward(self, input: Any) -> Any:
        return embedding(
            input,
            self.weight,
            self.padding_idx,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.sparse,
        )

    def extra_repr(self) -> str:
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        for name, default in {
            "padding_idx": None,
            "max_norm": None,
            "norm_type": 2,
            "scale_grad_by_freq": False,
            "sparse": False,
        }.items():
            value = getattr(self, name)
            text += "" if value == default else f", {name}={value}"
        return text

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Any,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Embedding:
        """Return a layer with the given rows, which are shared, not copied; frozen by default.

        Args:
            embeddings: (num_embeddings, embedding_dim).
            freeze: whether the rows are not trained.
            padding_idx: a row that no gradient goes to; it is left as it is.
            max_norm, norm_type, scale_grad_by_freq, sparse: as for the layer.

        Raises:
            AssertionError: if `embeddings` is no matrix, or there is no row `padding_idx`.

        Example:
            >>> import minnet
            >>> layer = minnet.nn.Embedding.from_pretrained(minnet.tensor([[1.0, 2.0], [3.0, 4.0]]))
            >>> layer(minnet.tensor([1]))
            tensor([[3., 4.]])
        """
        if embeddings.ndim != 2:
            raise AssertionError("Embeddings parameter is expected to be 2-dimensional")
        rows, size = embeddings.shape
        return cls(
            rows,
            size,
            padding_idx,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            sparse,
            embeddings,
            freeze,
        )
