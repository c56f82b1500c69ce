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
SMOOTHING = 0.05
PLAIN = 0.4
"""Share of the hand-written queries that an epoch sees as they were written; the others come with noise."""

HEAD_RATE = 2e-3
FALL = 0.85
"""What the rate of learning falls to from a layer to the one below."""

WARM_UP = 0.06
"""Share of the steps in which the rate rises; then it falls evenly."""

MEAN_STEPS = 100
"""About so many last steps are in the running mean."""


@dataclass(frozen=True)
class Plan:
    """How long and on what to train."""

    epochs: int
    framed: int
    """Framed queries of a route in an epoch."""
    rate: float
    """Peak rate of learning of the uppermost layer."""
    minutes: float
    """The schedule ends by this time at the latest."""
    seed: int


def epoch_examples(plan: Plan, hand: list[Example], seed: int) -> list[Example]:
    """What one epoch sees: every hand-written query once, as it is or as another would have typed it, and frames."""
    chance = random.Random(seed)
    return [one if chance.random() < PLAIN else augment(one, chance) for one in hand] + framed(plan.framed, seed)


def batches_of(rows: list[list[int]], chance: random.Random) -> list[list[int]]:
    """Places of rows of similar length."""
    order = sorted(range(len(rows)), key=lambda at: len(rows[at]) * chance.uniform(0.85, 1.2))
    batches = [order[at : at + BATCH] for at in range(0, len(order), BATCH)]
    chance.shuffle(batches)
    return batches


def optimiser_of(model: Encoder, rate: float) -> torch.optim.Optimizer:
    """A rate for each layer; the vectors of words are left alone."""
    model.words.weight.requires_grad_(False)
    groups = [{"params": list(model.head.parameters()), "lr": HEAD_RATE, "weight_decay": 0.0}]
    count = model.shape.layers
    parts = [(count, [*model.norm.parameters(), model.places.weight, model.kinds.weight])]
    parts += [(count - 1 - at, list(layer.parameters())) for at, layer in enumerate(model.layers)]
    for depth, parameters in parts:
        own = rate * FALL**depth
        groups.append({"params": [p for p in parameters if p.dim() > 1], "lr": own, "weight_decay": 0.01})
        groups.append({"params": [p for p in parameters if p.dim() == 1], "lr": own, "weight_decay": 0.0})
    return torch.optim.AdamW(groups, betas=(0.9, 0.98), fused=True)


@torch.no_grad()
def follow(mean: Encoder, model: Encoder, step: int) -> None:
    """Moves the running mean towards the model."""
    share = max(1 / MEAN_STEPS, 1 / (step + 1))
    for kept, now in zip(mean.parameters(), model.parameters(), strict=True):
        if now.requires_grad:
            kept.lerp_(now, share)


def accuracy(model: Encoder, vocabulary: Vocabulary, examples: list[Example]) -> float:
    """Share of right decisions."""
    best = logits_of(model, vocabulary, [text for _, text in examples]).argmax(1)
    return (best == labels_of(examples)).float().mean().item()


def train(plan: Plan, vocabulary: Vocabulary, hand: list[Example]) -> Encoder:
    """Trains a model on hand-written and framed queries."""
    torch.manual_seed(plan.seed)
    chance = random.Random(plan.seed)
    model = published(vocabulary)
    mean = copy.deepcopy(model)
    optimiser = optimiser_of(model, plan.rate)
    peaks = [group["lr"] for group in optimiser.param_groups]
    held = read_tsv(DATA / "dev.tsv")
    began, step = time.monotonic(), 0
    steps = plan.epochs * math.ceil((len(hand) + len(ROUTES) * plan.framed) / BATCH)
    print(f"{len(hand)} queries by hand, {steps} steps", flush=True)
    for epoch in range(plan.epochs):
        examples = epoch_examples(plan, hand, plan.seed + epoch)
        rows, labels = [vocabulary.encode(text) for _, text in examples], labels_of(examples)
        model.train()
        losses: list[float] = []
        for batch in batches_of(rows, chance):
            share = max(step / steps, (time.monotonic() - began) / (60 * plan.minutes))
            if share >= 1:
                break
            for group, peak in zip(optimiser.param_groups, peaks, strict=True):
                group["lr"] = peak * min(1.0, (step + 1) / (WARM_UP * steps), (1 - share) / (1 - WARM_UP))
            # Half the time of a step, and no harm to the sums: the weights themselves stay as they are.
            with torch.autocast("cpu", torch.bfloat16):
                logits = model(*padded([rows[at] for at in batch]))
            loss = F.cross_entropy(logits.float(), labels[batch], label_smoothing=SMOOTHING)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            follow(mean, model, step)
            losses.append(loss.item())
            step += 1
        if not losses:
            break
        print(
            f"epoch {epoch + 1}/{plan.epochs}: step {step}/{steps}, loss {sum(losses) / len(losses):.3f}, "
            f"development {accuracy(mean, vocabulary, held):.3f}, {time.monotonic() - began:.0f} s",
            flush=True,
        )
    return mean.eval()


def main() -> None:
    """Trains and keeps the checkpoint."""
    parser = argparse.ArgumentParser(description="Trains the router model and keeps it as a checkpoint.")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--framed", type=int, default=150, help="framed queries of a route in an epoch")
    parser.add_argument("--rate", type=float, default=1e-4, help="peak rate of learning of the uppermost layer")
    parser.add_argument("--minutes", type=float, default=45, help="the schedule ends by this time at the latest")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--without", default="", help="numbers of banks to leave out, such as 6,7: for calibration")
    parser.add_argument("--out", type=Path, default=WORK / "model.pt")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    plan = Plan(chosen.epochs, chosen.framed, chosen.rate, chosen.minutes, chosen.seed)
    model = train(plan, vocabularies.load(), by_hand(frozenset(filter(None, chosen.without.split(",")))))
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    torch.save(model.state_dict(), chosen.out)
    print(f"kept as {chosen.out}")


if __name__ == "__main__":
    main()
