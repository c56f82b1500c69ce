"""Training. Owns: what the model sees, in what order, and how it is steered. Does not own: queries, model, export.

Loss: cross entropy over the five route tokens with a little label smoothing, plus one over a sample of the whole
vocabulary, so that the route tokens also win against every other token in the engine that serves the model.
"""

from __future__ import annotations

import argparse
import math
import random
import time
from dataclasses import asdict

import torch
from torch.nn import functional as F

from . import vocabulary as vocabularies
from .augment import augment
from .generate import by_hand, framed
from .model import Llama, Shape
from .text import DATA, ROUTES, WORK, Example, read_tsv
from .vocabulary import SPECIAL, Vocabulary

LONGEST = 160
NEGATIVES = 256


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


def epoch_examples(framed_per_route: int, hand_copies: int, seed: int) -> list[Example]:
    """What one epoch sees: the routes alike in number; hand-written queries more than framed ones."""
    chance = random.Random(seed)
    hand: dict[str, list[str]] = {route: [] for route in ROUTES}
    for route, text in by_hand():
        hand[route].append(text)
    examples = framed(framed_per_route, seed)
    for route, texts in hand.items():
        for _ in range(hand_copies):
            examples.extend(Example(route, text) for text in chance.sample(texts, min(len(texts), 900)))
    examples = [example if chance.random() < 0.2 else augment(example, chance) for example in examples]
    chance.shuffle(examples)
    return examples


def batches_of(examples: list[Example], vocabulary: Vocabulary, size: int, chance: random.Random) -> list[tuple[list[list[int]], list[int]]]:
    """Batches of rows of similar length with their labels."""
    rows = [(vocabulary.encode(text), ROUTES.index(route)) for route, text in examples]
    rows.sort(key=lambda row: len(row[0]) * chance.uniform(0.85, 1.2))
    parts = [rows[at : at + size] for at in range(0, len(rows), size)]
    chance.shuffle(parts)
    return [([ids for ids, _ in part], [label for _, label in part]) for part in parts]


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
    return sum(ROUTES[best] == example.route for best, example in zip(logits.argmax(1).tolist(), examples, strict=True)) / len(examples)


def train(epochs: int, framed_per_route: int, hand_copies: int, minutes: float, layers: int, seed: int) -> tuple[Llama, Vocabulary]:
    """Trains for `epochs`; stops learning early by the clock only in that the schedule is laid out for what fits into `minutes`."""
    torch.manual_seed(seed)
    chance = random.Random(seed)
    vocabulary = vocabularies.load(LONGEST)
    meanings = vocabularies.meanings(vocabulary)
    model = Llama(Shape(len(vocabulary.pieces), meanings.shape[1], layers=layers), meanings)
    first = epoch_examples(framed_per_route, hand_copies, seed)
    counts: dict[int, int] = {}
    for example in first:
        for one in vocabulary.encode(example.text):
            counts[one] = counts.get(one, 0) + 1
    neighbours = Neighbours(meanings, vocabulary, counts)
    matrices = [p for name, p in model.named_parameters() if not name.startswith("own") and p.dim() > 1]
    scales = [p for name, p in model.named_parameters() if not name.startswith("own") and p.dim() == 1]
    dense = torch.optim.AdamW([{"params": matrices, "weight_decay": 0.05}, {"params": scales, "weight_decay": 0.0}], lr=1.0, betas=(0.9, 0.98))
    sparse = torch.optim.SparseAdam([model.own.weight], lr=1.0)
    size = 48
    steps = epochs * math.ceil(len(first) / size)
    peak, step, began = 1.5e-3, 0, time.monotonic()
    held = read_tsv(DATA / "dev.tsv")
    total = len(vocabulary.pieces)
    for epoch in range(epochs):
        examples = first if epoch == 0 else epoch_examples(framed_per_route, hand_copies, seed + epoch)
        model.train()
        losses = []
        for rows, labels in batches_of(examples, vocabulary, size, chance):
            spent = (time.monotonic() - began) / (60 * minutes)
            share = max(step / steps, spent)
            if share >= 1:
                break
            rate = peak * min(1.0, (step + 1) / 100) * (0.5 + 0.5 * math.cos(math.pi * share))
            for optimiser, scale in ((dense, 1.0), (sparse, 0.5)):
                for group in optimiser.param_groups:
                    group["lr"] = rate * scale
            swapped = [neighbours.exchange(row, 0.15, chance) if chance.random() < 0.4 else row for row in rows]
            ids, ends = padded(swapped)
            wanted = torch.tensor(labels)
            keep_own = (torch.rand(len(rows)) > 0.3).float()
            hidden = model(ids, ends, keep_own)
            logits = hidden @ route_rows(model, vocabulary).T
            others = model.embed(torch.randint(len(SPECIAL), total, (1, NEGATIVES)))[0]
            against = torch.logsumexp(hidden @ others.T, 1) + math.log(total / NEGATIVES)
            lost = torch.logaddexp(torch.logsumexp(logits, 1), against) - torch.logsumexp(logits, 1)
            loss = F.cross_entropy(logits, wanted, label_smoothing=0.05) + 0.1 * lost.mean()
            dense.zero_grad()
            sparse.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(matrices, 1.0)
            dense.step()
            sparse.step()
            losses.append(loss.item())
            step += 1
        if not losses:
            break
        reached = accuracy(logits_of(model, vocabulary, held), held)
        print(
            f"epoch {epoch + 1}/{epochs}: step {step}/{steps}, loss {sum(losses) / len(losses):.3f}, "
            f"development {reached:.3f}, {time.monotonic() - began:.0f} s",
            flush=True,
        )
    return model.eval(), vocabulary


def main() -> None:
    parser = argparse.ArgumentParser(description="Trains the router model and keeps it as a checkpoint.")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--framed", type=int, default=1000, help="framed queries of a route in an epoch")
    parser.add_argument("--copies", type=int, default=2, help="how often an epoch sees each hand-written query")
    parser.add_argument("--minutes", type=float, default=40, help="the schedule ends by this time at the latest")
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", default=str(WORK / "model.pt"))
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    model, _ = train(chosen.epochs, chosen.framed, chosen.copies, chosen.minutes, chosen.layers, chosen.seed)
    torch.save({"shape": asdict(model.shape), "state": model.state_dict()}, chosen.out)
    print(f"kept as {chosen.out}")


if __name__ == "__main__":
    main()
