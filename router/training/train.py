"""Training. Owns: what the model sees, in what order, and how it is steered. Does not own: queries, encoder, export.

The whole encoder learns, its upper layers faster than its lower ones; only the vectors of words stay as they were
published, so that a word that no query here holds keeps its place among its kin. What is kept is the running mean of
the weights.
"""

from __future__ import annotations

import argparse
import copy
import math
import random
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.nn import functional as F

from . import vocabulary as vocabularies
from .augment import augment
from .encoder import Encoder, logits_of, padded, published
from .generate import by_hand, framed
from .text import DATA, ROUTES, WORK, Example, labels_of, read_tsv
from .vocabulary import Vocabulary

BATCH = 32
MEAN_STEPS = 100


@dataclass(frozen=True)
class Plan:
    """How long and on what to train."""

    epochs: int
    framed: int
    """Framed queries of a route in an epoch."""
    plain: float
    """Share of the hand-written queries that an epoch sees as they were written; the others with noise."""
    rate: float
    """Peak rate of learning of the uppermost layer."""
    fall: float
    """What the rate falls to from a layer to the one below."""
    smoothing: float
    seed: int
    head_rate: float = 2e-3
    drop: float = 0.1
    rdrop: float = 0.0


def epoch_examples(plan: Plan, hand: list[Example], seed: int) -> list[Example]:
    """What one epoch sees: every hand-written query once, as it is or as another would have typed it, and frames."""
    chance = random.Random(seed)
    return [one if chance.random() < plan.plain else augment(one, chance) for one in hand] + framed(plan.framed, seed)


def batches_of(rows: list[list[int]], chance: random.Random) -> list[list[int]]:
    """Places of rows of similar length."""
    order = sorted(range(len(rows)), key=lambda at: len(rows[at]) * chance.uniform(0.85, 1.2))
    batches = [order[at : at + BATCH] for at in range(0, len(order), BATCH)]
    chance.shuffle(batches)
    return batches


def optimiser_of(model: Encoder, plan: Plan) -> torch.optim.Optimizer:
    """A rate for each layer; the vectors of words are left alone."""
    model.words.weight.requires_grad_(False)
    groups = [{"params": list(model.head.parameters()), "lr": plan.head_rate, "weight_decay": 0.0}]
    count = model.shape.layers
    parts = [(count, [*model.norm.parameters(), model.places.weight, model.kinds.weight])]
    parts += [(count - 1 - at, list(layer.parameters())) for at, layer in enumerate(model.layers)]
    for depth, parameters in parts:
        rate = plan.rate * plan.fall**depth
        groups.append({"params": [p for p in parameters if p.dim() > 1], "lr": rate, "weight_decay": 0.01})
        groups.append({"params": [p for p in parameters if p.dim() == 1], "lr": rate, "weight_decay": 0.0})
    return torch.optim.AdamW(groups, betas=(0.9, 0.98), fused=True)


@torch.no_grad()
def follow(mean: Encoder, model: Encoder, step: int) -> None:
    """Moves the running mean towards the model."""
    share = max(1 / MEAN_STEPS, 1 / (step + 1))
    for kept, now in zip(mean.parameters(), model.parameters(), strict=True):
        if now.requires_grad:
            kept.lerp_(now, share)


def held_out_line(model: Encoder, vocabulary: Vocabulary, sets: dict[str, list[Example]]) -> str:
    """Right decisions and mean loss on the held-out sets."""
    said = []
    for name, examples in sets.items():
        logits, labels = logits_of(model, vocabulary, [text for _, text in examples]), labels_of(examples)
        right = int((logits.argmax(1) == labels).sum())
        said.append(f"{name} {right}/{len(examples)} ({F.cross_entropy(logits, labels):.3f})")
    return ", ".join(said)


def train(plan: Plan, vocabulary: Vocabulary, hand: list[Example], sets: dict[str, list[Example]], soft=None) -> Encoder:
    """Trains a model on hand-written and framed queries."""
    torch.manual_seed(plan.seed)
    chance = random.Random(plan.seed)
    model = published(vocabulary)
    for m in model.modules():
        if isinstance(m, torch.nn.Dropout):
            m.p = plan.drop
    mean = copy.deepcopy(model)
    optimiser = optimiser_of(model, plan)
    peaks = [group["lr"] for group in optimiser.param_groups]
    weight = torch.tensor(1.0)
    began, step = time.monotonic(), 0
    steps = plan.epochs * math.ceil((len(hand) + len(ROUTES) * plan.framed) / BATCH)
    for epoch in range(plan.epochs):
        examples = epoch_examples(plan, hand, plan.seed + epoch)
        rows = [vocabulary.encode(text) for _, text in examples]
        labels = labels_of(examples)
        model.train()
        losses: list[float] = []
        for batch in batches_of(rows, chance):
            share = min(1.0, (step + 1) / (0.06 * steps)) * max(0.02, 1 - step / steps)
            for group, peak in zip(optimiser.param_groups, peaks, strict=True):
                group["lr"] = peak * share
            ids, lengths = padded([rows[at] for at in batch])
            with torch.autocast("cpu", torch.bfloat16):
                logits = model(ids, lengths)
            loss = F.cross_entropy(logits, labels[batch], label_smoothing=plan.smoothing)
            if plan.rdrop:
                with torch.autocast("cpu", torch.bfloat16):
                    other = model(ids, lengths)
                p, q = logits.log_softmax(1), other.log_softmax(1)
                loss = (loss + F.cross_entropy(other, labels[batch], label_smoothing=plan.smoothing)) / 2
                loss = loss + plan.rdrop * (F.kl_div(p, q, log_target=True, reduction="batchmean") + F.kl_div(q, p, log_target=True, reduction="batchmean")) / 2
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            follow(mean, model, step)
            losses.append(loss.item())
            step += 1
        print(
            f"epoch {epoch + 1}/{plan.epochs}: loss {sum(losses) / len(losses):.3f}, "
            f"{held_out_line(mean, vocabulary, sets)}, {time.monotonic() - began:.0f} s",
            flush=True,
        )
    return mean.eval()
