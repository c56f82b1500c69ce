"""A second opinion on the hand-written queries. Owns: how doubtful each label is. Does not own: what is made of it.

A linear classifier over sentence vectors of all-MiniLM-L6-v2 learns from four fifths of the queries and judges the last
fifth, in turn, so that no query is judged by one who has seen it.
"""

from __future__ import annotations

import random

import torch
from torch.nn import functional as F

from .text import ROUTES, Example
from .vocabulary import encoder_folder

LONGEST = 96
FOLDS = 5


@torch.no_grad()
def sentence_vectors(texts: list[str]) -> torch.Tensor:
    """For each text, the mean of the encoder's hidden states after the fourth and after the last layer."""
    from transformers import AutoModel, AutoTokenizer

    folder = encoder_folder()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    encoder = AutoModel.from_pretrained(folder, add_pooling_layer=False).eval()
    order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
    out = torch.zeros(len(texts), 2 * encoder.config.hidden_size)
    for start in range(0, len(order), 64):
        chosen = order[start : start + 64]
        batch = tokenizer(
            [texts[at] for at in chosen], padding=True, truncation=True, max_length=LONGEST, return_tensors="pt"
        )
        states = encoder(**batch, output_hidden_states=True).hidden_states
        mask = batch["attention_mask"].unsqueeze(-1)
        means = [(states[layer] * mask).sum(1) / mask.sum(1) for layer in (4, 6)]
        out[chosen] = torch.cat([F.normalize(mean, dim=1) for mean in means], 1)
    return (out - out.mean(0)) / out.std(0)


def fitted(vectors: torch.Tensor, labels: torch.Tensor, decay: float = 0.02) -> torch.nn.Linear:
    """A linear classifier with weight decay."""
    layer = torch.nn.Linear(vectors.shape[1], len(ROUTES))
    torch.nn.init.zeros_(layer.weight)
    optimiser = torch.optim.LBFGS(layer.parameters(), max_iter=60, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        loss = F.cross_entropy(layer(vectors), labels) + decay * layer.weight.pow(2).sum() / 2
        loss.backward()
        return loss

    optimiser.step(closure)
    return layer


def doubts_of(examples: list[Example], seed: int) -> dict[Example, torch.Tensor]:
    """For each query the probabilities of the routes, by a classifier that has not seen it."""
    shuffled = list(examples)
    random.Random(seed).shuffle(shuffled)
    vectors = sentence_vectors([example.text for example in shuffled])
    labels = torch.tensor([ROUTES.index(example.route) for example in shuffled])
    logits = torch.zeros(len(shuffled), len(ROUTES))
    for fold in range(FOLDS):
        unseen = torch.arange(len(shuffled)) % FOLDS == fold
        with torch.enable_grad():
            layer = fitted(vectors[~unseen], labels[~unseen])
        logits[unseen] = layer(vectors[unseen]).detach()
    temperature = min(
        (0.3 + 0.05 * step for step in range(50)), key=lambda t: F.cross_entropy(logits / t, labels).item()
    )
    right = (logits.argmax(1) == labels).float().mean().item()
    print(
        f"second opinion: right on {right:.3f} of {len(shuffled)} queries it had not seen, temperature {temperature:.2f}",
        flush=True,
    )
    return dict(zip(shuffled, (logits / temperature).softmax(1), strict=True))
