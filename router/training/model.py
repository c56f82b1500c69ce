"""The model: a small Llama. Owns: its shape and arithmetic, which must be llama.cpp's. Does not own: training.

RMSNorm before each block, rotary positions on neighbouring pairs (so no rows need to be permuted on export), SwiGLU, no
biases, input and output embeddings tied.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Shape:
    """Sizes; rows must be multiples of 32 for q8_0."""

    vocabulary: int
    meaning: int
    width: int = 256
    layers: int = 3
    heads: int = 4
    inner: int = 512
    rope_base: float = 10000.0
    epsilon: float = 1e-5


class RMSNorm(nn.Module):
    """Root mean square norm with a learned scale."""

    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.epsilon) * self.weight


def rotate(x: torch.Tensor, base: float) -> torch.Tensor:
    """Rotary positions over pairs (0,1), (2,3), … of the last dimension; x is (batch, heads, positions, size)."""
    positions, size = x.shape[-2], x.shape[-1]
    angles = torch.arange(positions)[:, None] * base ** (-torch.arange(0, size, 2) / size)[None, :]
    cos, sin = angles.cos(), angles.sin()
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)


class Block(nn.Module):
    """Attention, then the gated feed-forward."""

    def __init__(self, shape: Shape, drop: float) -> None:
        super().__init__()
        self.shape = shape
        self.attn_norm = RMSNorm(shape.width, shape.epsilon)
        self.ffn_norm = RMSNorm(shape.width, shape.epsilon)
        self.q = nn.Linear(shape.width, shape.width, bias=False)
        self.k = nn.Linear(shape.width, shape.width, bias=False)
        self.v = nn.Linear(shape.width, shape.width, bias=False)
        self.o = nn.Linear(shape.width, shape.width, bias=False)
        self.gate = nn.Linear(shape.width, shape.inner, bias=False)
        self.up = nn.Linear(shape.width, shape.inner, bias=False)
        self.down = nn.Linear(shape.inner, shape.width, bias=False)
        self.drop = nn.Dropout(drop)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, positions, width = x.shape
        normed = self.attn_norm(x)

        def heads(rows: torch.Tensor) -> torch.Tensor:
            return rows.view(batch, positions, self.shape.heads, -1).transpose(1, 2)

        q, k = rotate(heads(self.q(normed)), self.shape.rope_base), rotate(heads(self.k(normed)), self.shape.rope_base)
        mixed = F.scaled_dot_product_attention(q, k, heads(self.v(normed)), is_causal=True)
        x = x + self.drop(self.o(mixed.transpose(1, 2).reshape(batch, positions, width)))
        normed = self.ffn_norm(x)
        return x + self.drop(self.down(F.silu(self.gate(normed)) * self.up(normed)))


class Llama(nn.Module):
    """The whole model; word embeddings are the encoder's meanings, mapped, plus what training adds to each word."""

    def __init__(self, shape: Shape, meanings: torch.Tensor, drop: float = 0.15) -> None:
        super().__init__()
        self.shape = shape
        self.register_buffer("meanings", meanings, persistent=False)
        self.map = nn.Linear(shape.meaning, shape.width, bias=False)
        self.own = nn.Embedding(shape.vocabulary, shape.width, sparse=True)
        self.blocks = nn.ModuleList(Block(shape, drop) for _ in range(shape.layers))
        self.norm = RMSNorm(shape.width, shape.epsilon)
        self.word_drop = nn.Dropout(drop)
        nn.init.normal_(self.map.weight, std=0.5 * shape.meaning**-0.5)
        nn.init.zeros_(self.own.weight)
        with torch.no_grad():
            self.own.weight[:16].normal_(std=0.3)
        for block in self.blocks:
            for matrix in (block.o, block.down):
                nn.init.normal_(matrix.weight, std=0.6 * matrix.in_features**-0.5 / shape.layers**0.5)

    def embed(self, ids: torch.Tensor, keep_own: torch.Tensor | None = None) -> torch.Tensor:
        """Embeddings of tokens; `keep_own` (0 or 1 a row) takes away what training added."""
        own = self.own(ids)
        if keep_own is not None:
            own = torch.where((ids < 16).unsqueeze(-1), own, own * keep_own[:, None, None])
        return self.map(self.meanings[ids]) + own

    def forward(self, ids: torch.Tensor, ends: torch.Tensor, keep_own: torch.Tensor | None = None) -> torch.Tensor:
        """The last hidden state at position `ends` of each row."""
        x = self.word_drop(self.embed(ids, keep_own))
        for block in self.blocks:
            x = block(x)
        return self.norm(x[torch.arange(len(ids)), ends])

    @torch.no_grad()
    def embeddings(self) -> torch.Tensor:
        """The embedding matrix as it is shipped."""
        return self.map(self.meanings) + self.own.weight
