"""Training. Owns: what the model sees, in what order, and how it is steered. Does not own: queries, model, export.

The target of a hand-written query is its label, mixed with a second opinion (judge.py): so the model learns not only
the routes but where people's wording leaves them open, and its confidence means something.

Loss: cross entropy over the five route tokens with a little label smoothing, plus a term over a sample of the whole
vocabulary, so that the route tokens also win against every other token in the engine that serves the model. What is
kept is the running mean of the weights.
"""

from __future__ import annotations

import argparse
import copy
import math
import random
import time
from collections import Counter
from dataclasses import asdict, dataclass
from typing import NamedTuple

import torch
from torch.nn import functional as F

from . import vocabulary as vocabularies
from .augment import augment
from .generate import by_hand, framed
from .judge import doubts_of
from .model import Llama, Shape
from .text import DATA, ROUTES, WORK, Example, read_tsv
from .vocabulary import SPECIAL, Vocabulary

LONGEST = 160
BATCH = 48
PEAK_RATE = 1.5e-3
NEGATIVES = 256
SMOOTHING = 0.05
DOUBT = 0.4
"""How much of the target of a hand-written query is the second opinion."""


def padded(rows: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Token rows as one matrix, and the position of each row's last token."""
    width = max(map(len, rows))
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    for at, row in enumerate(rows):
        ids[at, : len(row)] = torch.tensor(row)
    return ids, torch.tensor([len(row) - 1 for row in rows])


class Neighbours:
    """For a token, tokens of like meaning. Frequent tokens (function words, signs) are never exchanged."""

    def __init__(self, meanings: torch.Tensor, vocabulary: Vocabulary, counts: dict[int, int], count: int = 6) -> None:
        rare = [at for at, piece in enumerate(vocabulary.pieces) if piece.isalpha() and len(piece) > 3]
        frequent = set(sorted(counts, key=lambda one: -counts[one])[:300])
        whole = torch.tensor(rare)
        rows = F.normalize(meanings[whole, : meanings.shape[1] // 2], dim=1)
        self.near: dict[int, list[int]] = {}
        wanted = [at for at, one in enumerate(rare) if one in counts and one not in frequent]
        for part in torch.tensor(wanted).split(256):
            best = (rows[part] @ rows.T).topk(count + 1).indices[:, 1:]
            for one, others in zip(part.tolist(), best.tolist(), strict=True):
                self.near[rare[one]] = [rare[other] for other in others]

    def exchange(self, row: list[int], share: float, chance: random.Random) -> list[int]:
        """The row with about `share` of its content words exchanged."""
        return [chance.choice(self.near[one]) if one in self.near and chance.random() < share else one for one in row]


@dataclass(frozen=True)
class Plan:
    """How long and on what to train."""

    epochs: int
    framed: int
    """Framed queries of a route in an epoch."""
    copies: int
    """How often an epoch sees each hand-written query."""
    minutes: float
    """The schedule ends by this time at the latest."""
    layers: int
    seed: int


class Lesson(NamedTuple):
    """A query as the model sees it, and the probabilities that it should give."""

    tokens: list[int]
    target: torch.Tensor


def target_of(example: Example, doubts: dict[Example, torch.Tensor]) -> torch.Tensor:
    """The label, softened by the second opinion."""
    label = torch.full((len(ROUTES),), SMOOTHING / len(ROUTES))
    label[ROUTES.index(example.route)] += 1 - SMOOTHING
    doubt = doubts.get(example)
    return label if doubt is None else (1 - DOUBT) * label + DOUBT * doubt


def epoch_lessons(
    plan: Plan, hand: list[Example], doubts: dict[Example, torch.Tensor], vocabulary: Vocabulary, seed: int
) -> list[Lesson]:
    """What one epoch sees: the routes alike in number; hand-written queries more than framed ones."""
    chance = random.Random(seed)
    examples = framed(plan.framed, seed)
    largest = int(0.95 * sum(1 for example in hand if example.route == "answer"))
    for route in ROUTES:
        written = [example for example in hand if example.route == route]
        for _ in range(plan.copies):
            examples.extend(chance.sample(written, min(len(written), largest)))
    chance.shuffle(examples)
    return [
        Lesson(
            vocabulary.encode((example if chance.random() < 0.2 else augment(example, chance)).text),
            target_of(example, doubts),
        )
        for example in examples
    ]


def batches_of(lessons: list[Lesson], size: int, chance: random.Random) -> list[list[Lesson]]:
    """Batches of rows of similar length."""
    order = sorted(lessons, key=lambda lesson: len(lesson.tokens) * chance.uniform(0.85, 1.2))
    batches = [order[at : at + size] for at in range(0, len(order), size)]
    chance.shuffle(batches)
    return batches


def route_rows(model: Llama, vocabulary: Vocabulary) -> torch.Tensor:
    """The output embeddings of the route tokens."""
    return model.own(torch.tensor(vocabulary.routes))


@torch.no_grad()
def logits_of(model: Llama, vocabulary: Vocabulary, examples: list[Example]) -> torch.Tensor:
    """Logits over the routes, a row for each example."""
    model.eval()
    out = []
    for at in range(0, len(examples), 64):
        ids, ends = padded([vocabulary.encode(text) for _, text in examples[at : at + 64]])
        out.append(model(ids, ends) @ route_rows(model, vocabulary).T)
    return torch.cat(out)


def accuracy(logits: torch.Tensor, examples: list[Example]) -> float:
    """Share of right decisions."""
    return sum(
        ROUTES[best] == example.route for best, example in zip(logits.argmax(1).tolist(), examples, strict=True)
    ) / len(examples)


def optimisers_of(model: Llama) -> tuple[torch.optim.Optimizer, torch.optim.Optimizer]:
    """One for what every step touches, one for the words that a step happens to hold."""
    dense = [(name, p) for name, p in model.named_parameters() if not name.startswith("own")]
    groups = [
        {"params": [p for _, p in dense if p.dim() > 1], "weight_decay": 0.05},
        {"params": [p for _, p in dense if p.dim() == 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=1.0, betas=(0.9, 0.98)), torch.optim.SparseAdam([model.own.weight], lr=1.0)


def loss_of(model: Llama, vocabulary: Vocabulary, rows: list[list[int]], target: torch.Tensor) -> torch.Tensor:
    """Cross entropy over the routes, and a tenth of what the routes lose to other tokens."""
    ids, ends = padded(rows)
    keep_own = (torch.rand(len(rows)) > 0.3).float()
    hidden = model(ids, ends, keep_own)
    logits = hidden @ route_rows(model, vocabulary).T
    total = len(vocabulary.pieces)
    others = model.embed(torch.randint(len(SPECIAL), total, (1, NEGATIVES)))[0]
    against = torch.logsumexp(hidden @ others.T, 1) + math.log(total / NEGATIVES)
    inside = torch.logsumexp(logits, 1)
    return F.cross_entropy(logits, target) + 0.1 * (torch.logaddexp(inside, against) - inside).mean()


@torch.no_grad()
def follow(mean: Llama, model: Llama, step: int) -> None:
    """Moves the running mean towards the model: over about the last hundred steps."""
    share = max(0.01, 1 / (step + 1))
    for kept, now in zip(mean.parameters(), model.parameters(), strict=True):
        kept.lerp_(now, share)


def train(plan: Plan, vocabulary: Vocabulary, hand: list[Example], doubts: dict[Example, torch.Tensor]) -> Llama:
    """Trains a model on hand-written and framed queries."""
    torch.manual_seed(plan.seed)
    chance = random.Random(plan.seed)
    meanings = vocabularies.meanings(vocabulary)
    model = Llama(Shape(len(vocabulary.pieces), meanings.shape[1], layers=plan.layers), meanings)
    mean = copy.deepcopy(model)
    lessons = epoch_lessons(plan, hand, doubts, vocabulary, plan.seed)
    counts = Counter(one for lesson in lessons for one in lesson.tokens)
    neighbours = Neighbours(meanings, vocabulary, counts)
    dense, sparse = optimisers_of(model)
    steps = plan.epochs * math.ceil(len(lessons) / BATCH)
    step, began = 0, time.monotonic()
    held = read_tsv(DATA / "dev.tsv")
    for epoch in range(plan.epochs):
        if epoch > 0:
            lessons = epoch_lessons(plan, hand, doubts, vocabulary, plan.seed + epoch)
        model.train()
        losses: list[float] = []
        for batch in batches_of(lessons, BATCH, chance):
            share = max(step / steps, (time.monotonic() - began) / (60 * plan.minutes))
            if share >= 1:
                break
            rate = PEAK_RATE * min(1.0, (step + 1) / 100) * (0.5 + 0.5 * math.cos(math.pi * share))
            for optimiser, scale in ((dense, 1.0), (sparse, 0.5)):
                for group in optimiser.param_groups:
                    group["lr"] = rate * scale
            rows = [
                neighbours.exchange(lesson.tokens, 0.15, chance) if chance.random() < 0.4 else lesson.tokens
                for lesson in batch
            ]
            loss = loss_of(model, vocabulary, rows, torch.stack([lesson.target for lesson in batch]))
            dense.zero_grad()
            sparse.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_([p for group in dense.param_groups for p in group["params"]], 1.0)
            dense.step()
            sparse.step()
            follow(mean, model, step)
            losses.append(loss.item())
            step += 1
        if not losses:
            break
        reached = accuracy(logits_of(mean, vocabulary, held), held)
        print(
            f"epoch {epoch + 1}/{plan.epochs}: step {step}/{steps}, loss {sum(losses) / len(losses):.3f}, "
            f"development {reached:.3f}, {time.monotonic() - began:.0f} s",
            flush=True,
        )
    return mean.eval()


def main() -> None:
    """Trains and keeps the checkpoint."""
    parser = argparse.ArgumentParser(description="Trains the router model and keeps it as a checkpoint.")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--framed", type=int, default=1000, help="framed queries of a route in an epoch")
    parser.add_argument("--copies", type=int, default=2, help="how often an epoch sees each hand-written query")
    parser.add_argument("--minutes", type=float, default=40, help="the schedule ends by this time at the latest")
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", default=str(WORK / "model.pt"))
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    vocabulary = vocabularies.load(LONGEST)
    plan = Plan(chosen.epochs, chosen.framed, chosen.copies, chosen.minutes, chosen.layers, chosen.seed)
    hand = by_hand()
    model = train(plan, vocabulary, hand, doubts_of(hand, chosen.seed))
    torch.save({"shape": asdict(model.shape), "state": model.state_dict()}, chosen.out)
    print(f"kept as {chosen.out}")


if __name__ == "__main__":
    main()
