"""Measures the model as its file holds it.

Owns: accuracy, calibration, what a threshold does, and what went wrong. Does not own: the router's regression set.

`dev.tsv`, `calibration.tsv` and `hard.tsv` are never trained on.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from torch.nn import functional as F

from . import vocabulary as vocabularies
from .encoder import kept, logits_of, rounded
from .text import DATA, ROUTES, WORK, Example, labels_of, read_labelled

TEMPERATURE = 0.88
"""Divides the logits. Found on 1,600 queries by two writers, by models that had learned from others only (0.80 and 0.88
by two of them, and the more careful one is taken): on the held-out sets, whose writer wrote training queries too, the
model is more often right than on a stranger's queries, and a temperature that is fitted there makes it too sure of
itself. How to find it anew: README.md, "Calibration"."""

BINS = 10
THRESHOLDS = (0.5, 0.7, 0.8, 0.85, 0.9, 0.92, 0.94, 0.96)


def calibration_error(probabilities: torch.Tensor, right: torch.Tensor) -> float:
    """Expected calibration error over ten bins of equal width."""
    confidence = probabilities.max(1).values
    error = 0.0
    for at in range(BINS):
        inside = (confidence > at / BINS) & (confidence <= (at + 1) / BINS)
        if inside.any():
            error += (inside.float().mean() * (confidence[inside].mean() - right[inside].float().mean()).abs()).item()
    return error


def fitted_temperature(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """The temperature with the least cross entropy, from a grid of 0.3 to 4."""
    grid = [0.3 + 0.02 * step for step in range(186)]
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
        "right": int(right.sum()),
        "accuracy": round(right.float().mean().item(), 4),
        "perClass": {
            route: round(right[labels == at].float().mean().item(), 3)
            for at, route in enumerate(ROUTES)
            if (labels == at).any()
        },
        "ece": round(calibration_error(probabilities, right), 4),
        "loss": round(F.cross_entropy(logits / temperature, labels).item(), 4),
        "bestTemperature": round(fitted_temperature(logits, labels), 2),
        "wrongAndRightBelow": {
            threshold: [int((wrong & (confidence < threshold)).sum()), int((right & (confidence < threshold)).sum())]
            for threshold in THRESHOLDS
        },
    }


def main() -> None:
    """Prints the figures of labelled files."""
    parser = argparse.ArgumentParser(description="Evaluates a checkpoint, rounded as its file will be.")
    parser.add_argument("--model", type=Path, default=WORK / "model.pt")
    parser.add_argument("--errors", action="store_true", help="also print every wrong decision")
    parser.add_argument(
        "files",
        type=Path,
        nargs="*",
        help="labelled files or banks, taken together; the held-out sets one by one when none is named",
    )
    chosen = parser.parse_args()
    vocabulary = vocabularies.load()
    model = rounded(kept(chosen.model, vocabulary))
    if chosen.files:
        sets = {"all": [example for path in chosen.files for example in read_labelled(path)]}
    else:
        sets = {name: read_labelled(DATA / f"{name}.tsv") for name in ("dev", "calibration", "hard")}
    for name, examples in sets.items():
        logits = logits_of(model, vocabulary, [text for _, text in examples])
        print(name, json.dumps(report(logits, examples, TEMPERATURE)))
        if not chosen.errors:
            continue
        for example, row in zip(examples, (logits / TEMPERATURE).softmax(1), strict=True):
            best = ROUTES[int(row.argmax())]
            if best != example.route:
                print(f"  {example.route} -> {best} {row.max().item():.2f}  {example.text!r}")


if __name__ == "__main__":
    main()
