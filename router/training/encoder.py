"""The model: a sentence encoder of kind BERT, the mean of its last states, and a linear head.

Owns: its arithmetic, which must be that of llama.cpp, the published weights it starts from, the rounding of its file.
Does not own: training, tokens, the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F

from .text import ROUTES
from .vocabulary import LONGEST, Vocabulary, encoder_folder


@dataclass(frozen=True)
class Shape:
    """The sizes of all-MiniLM-L6-v2; how many tokens it is told apart by position is cut to what a prompt needs."""

    vocabulary: int
    width: int = 384
    layers: int = 6
    heads: int = 12
    inner: int = 1536
    positions: int = 160
    epsilon: float = 1e-12


MATRICES, WORDS = gguf.GGMLQuantizationType.Q8_0, gguf.GGMLQuantizationType.Q5_1
"""How the file rounds the layers, and the vectors of words."""

SCALE = 16.0
"""Vectors have length 1: without it the head would have to grow far before it could be sure of anything."""


class Layer(nn.Module):
    """Attention, then the feed-forward; each is added and normed."""

    def __init__(self, shape: Shape, drop: float) -> None:
        super().__init__()
        self.heads = shape.heads
        self.q = nn.Linear(shape.width, shape.width)
        self.k = nn.Linear(shape.width, shape.width)
        self.v = nn.Linear(shape.width, shape.width)
        self.o = nn.Linear(shape.width, shape.width)
        self.o_norm = nn.LayerNorm(shape.width, shape.epsilon)
        self.up = nn.Linear(shape.width, shape.inner)
        self.down = nn.Linear(shape.inner, shape.width)
        self.down_norm = nn.LayerNorm(shape.width, shape.epsilon)
        self.drop = nn.Dropout(drop)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        batch, positions, width = x.shape

        def heads(rows: torch.Tensor) -> torch.Tensor:
            return rows.view(batch, positions, self.heads, -1).transpose(1, 2)

        mixed = F.scaled_dot_product_attention(heads(self.q(x)), heads(self.k(x)), heads(self.v(x)), attn_mask=mask)
        x = self.o_norm(x + self.drop(self.o(mixed.transpose(1, 2).reshape(batch, positions, width))))
        return self.down_norm(x + self.drop(self.down(F.gelu(self.up(x)))))


class Encoder(nn.Module):
    """From tokens to logits of the routes."""

    def __init__(self, shape: Shape, drop: float = 0.1) -> None:
        super().__init__()
        self.shape = shape
        self.words = nn.Embedding(shape.vocabulary, shape.width)
        self.places = nn.Embedding(shape.positions, shape.width)
        self.kinds = nn.Embedding(2, shape.width)
        self.norm = nn.LayerNorm(shape.width, shape.epsilon)
        self.layers = nn.ModuleList(Layer(shape, drop) for _ in range(shape.layers))
        self.head = nn.Linear(shape.width, len(ROUTES))
        self.drop = nn.Dropout(drop)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def vectors(self, ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """The mean of the last states of each row, at length 1."""
        places = torch.arange(ids.shape[1])
        inside = places < lengths[:, None]
        x = self.drop(self.norm(self.words(ids) + self.places(places) + self.kinds.weight[0]))
        for layer in self.layers:
            x = layer(x, inside[:, None, None, :])
        return F.normalize((x.float() * inside.unsqueeze(-1)).sum(1) / lengths[:, None], dim=1)

    def forward(self, ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        return SCALE * self.head(self.vectors(ids, lengths))


def published(vocabulary: Vocabulary) -> Encoder:
    """The encoder as it was published, with a head that knows nothing."""
    model = Encoder(Shape(len(vocabulary.pieces)))
    kept = load_file(encoder_folder() / "model.safetensors")
    kept = {name.removeprefix("bert."): weight for name, weight in kept.items()}
    state = {
        "words.weight": kept["embeddings.word_embeddings.weight"][list(vocabulary.rows)],
        "places.weight": kept["embeddings.position_embeddings.weight"][: model.shape.positions],
        "kinds.weight": kept["embeddings.token_type_embeddings.weight"],
        "head.weight": model.head.weight,
        "head.bias": model.head.bias,
    }
    parts = {
        "q": "attention.self.query",
        "k": "attention.self.key",
        "v": "attention.self.value",
        "o": "attention.output.dense",
        "o_norm": "attention.output.LayerNorm",
        "up": "intermediate.dense",
        "down": "output.dense",
        "down_norm": "output.LayerNorm",
    }
    for kind in ("weight", "bias"):
        state[f"norm.{kind}"] = kept[f"embeddings.LayerNorm.{kind}"]
        for at in range(model.shape.layers):
            for own, theirs in parts.items():
                state[f"layers.{at}.{own}.{kind}"] = kept[f"encoder.layer.{at}.{theirs}.{kind}"]
    model.load_state_dict(state)
    return model


def padded(rows: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Token rows as one matrix, and their lengths."""
    lengths = torch.tensor([len(row) for row in rows])
    ids = torch.zeros(len(rows), int(lengths.max()), dtype=torch.long)
    for at, row in enumerate(rows):
        ids[at, : len(row)] = torch.tensor(row)
    return ids, lengths


@torch.no_grad()
def logits_of(model: Encoder, vocabulary: Vocabulary, texts: list[str], longest: int = LONGEST) -> torch.Tensor:
    """Logits over the routes, a row for each text."""
    model.eval()
    rows = [vocabulary.encode(text, longest) for text in texts]
    order = sorted(range(len(rows)), key=lambda at: len(rows[at]))
    out = torch.zeros(len(rows), len(ROUTES))
    for start in range(0, len(order), 32):
        chosen = order[start : start + 32]
        out[chosen] = model(*padded([rows[at] for at in chosen]))
    return out


@torch.no_grad()
def rounded(model: Encoder) -> Encoder:
    """The model as its file will hold it."""

    def through(weight: torch.Tensor, kind: gguf.GGMLQuantizationType) -> torch.Tensor:
        data = gguf.quants.quantize(weight.detach().numpy().astype(np.float32), kind)
        return torch.from_numpy(gguf.quants.dequantize(data, kind).astype(np.float32))

    model.words.weight.copy_(through(model.words.weight, WORDS))
    for layer in model.layers:
        for part in (layer.q, layer.k, layer.v, layer.o, layer.up, layer.down):
            part.weight.copy_(through(part.weight, MATRICES))
    return model.eval()


def kept(path: Path, vocabulary: Vocabulary) -> Encoder:
    """The model of a checkpoint."""
    model = Encoder(Shape(len(vocabulary.pieces)))
    model.load_state_dict(torch.load(path))
    return model.eval()
