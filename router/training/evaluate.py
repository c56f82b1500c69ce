"""Measures the model. Owns: accuracy, calibration and what went wrong. Does not own: the router's regression set.

`dev.tsv` and `calibration.tsv` were written before any training query and are never trained on.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from torch.nn import functional as F

from .model import Llama
from .text import DATA, ROUTES, WORK, Example, read_tsv
from .train import logits_of
from .vocabulary import Vocabulary

BINS = 10
THRESHOLD = 0.5


def calibration_error(probabilities: torch.Tensor, right: torch.Tensor) -> float:
    """Expected calibration error over ten bins of equal width."""
    confidence = probabilities.max(1).values
    error = 0.0
    for at in range(BINS):
        inside = (confidence > at / BINS) & (confidence <= (at + 1) / BINS)
        if inside.any():
            error += (inside.float().mean() * (confidence[inside].mean() - right[inside].float().mean()).abs()).item()
    return error


def labels_of(examples: list[Example]) -> torch.Tensor:
    """Routes as indices."""
    return torch.tensor([ROUTES.index(example.route) for example in examples])


def fitted_temperature(model: Llama, vocabulary: Vocabulary) -> float:
    """The temperature with the least cross entropy on the calibration queries, from a grid of 0.5 to 4."""
    examples = read_tsv(DATA / "calibration.tsv")
    logits, labels = logits_of(model, vocabulary, examples), labels_of(examples)
    grid = [0.5 + 0.02 * step for step in range(176)]
    return min(grid, key=lambda temperature: F.cross_entropy(logits / temperature, labels).item())


def report(logits: torch.Tensor, examples: list[Example], temperature: float) -> dict[str, object]:
    """The figures of one labelled set."""
    labels = labels_of(examples)
    probabilities = (logits / temperature).softmax(1)
    confidence, best = probabilities.max(1)
    right = best == labels
    wrong = ~right
    return {
        "n": len(examples),
        "accuracy": round(right.float().mean().item(), 4),
        "perClass": {
            route: round(right[labels == at].float().mean().item(), 3)
            for at, route in enumerate(ROUTES)
            if (labels == at).any()
        },
        "confusion": {
            route: {other: int(((labels == at) & (best == to)).sum()) for to, other in enumerate(ROUTES)}
            for at, route in enumerate(ROUTES)
        },
        "ece": round(calibration_error(probabilities, right), 4),
        "eceBefore": round(calibration_error(logits.softmax(1), right), 4),
        "wrong": int(wrong.sum()),
        "wrongUnderThreshold": int((wrong & (confidence < THRESHOLD)).sum()),
        "rightUnderThreshold": int((right & (confidence < THRESHOLD)).sum()),
    }


def main() -> None:
    """Prints the figures of a labelled file."""
    from .export import load

    parser = argparse.ArgumentParser(
        description="Evaluates a checkpoint on the development queries or on another labelled file."
    )
    parser.add_argument("--model", default=str(WORK / "model.pt"))
    parser.add_argument("--file", type=Path, default=DATA / "dev.tsv")
    parser.add_argument("--errors", action="store_true", help="also print every wrong decision")
    chosen = parser.parse_args()
    model, vocabulary = load(chosen.model)
    temperature = fitted_temperature(model, vocabulary)
    examples = read_tsv(chosen.file)
    logits = logits_of(model, vocabulary, examples)
    print(
        json.dumps(
            {"file": chosen.file.name, "temperature": round(temperature, 3), **report(logits, examples, temperature)},
            indent=2,
        )
    )
    if not chosen.errors:
        return
    probabilities = (logits / temperature).softmax(1)
    for example, row in zip(examples, probabilities, strict=True):
        best = ROUTES[int(row.argmax())]
        if best != example.route:
            print(f"{example.route} -> {best} {row.max().item():.2f}  {example.text!r}")


if __name__ == "__main__":
    main()
