"""The labelled files. Owns: their form, and the cut of long queries. Does not own: where queries come from."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch

ROUTES = ("answer", "build", "review", "tool", "direct")
HERE = Path(__file__).resolve().parent
DATA = HERE / "data"
ROOT = HERE.parent.parent
WORK = ROOT / ".mesh" / "training"
MODELS = HERE.parent / "models"


class Example(NamedTuple):
    """One query with the workflow whose result the person wants."""

    route: str
    text: str


def unescape(text: str) -> str:
    r"""Turns the two-character escapes `\n`, `\t` and `\\` of the files into what they stand for."""
    out: list[str] = []
    chars = iter(text)
    for char in chars:
        if char != "\\":
            out.append(char)
            continue
        following = next(chars, "")
        out.append({"n": "\n", "t": "\t", "\\": "\\"}.get(following, "\\" + following))
    return "".join(out)


def read_lines(path: Path) -> list[str]:
    """The lines of a bank, unescaped, without empty ones and without comments (`## `)."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [unescape(line) for line in lines if line.strip() and not line.startswith("## ")]


def read_tsv(path: Path) -> list[Example]:
    """Reads `route<TAB>query` lines; empty lines and lines that begin with `#` are skipped."""
    examples: list[Example] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        route, tab, query = line.partition("\t")
        if tab == "" or route not in ROUTES:
            raise ValueError(f"{path.name}:{number}: expected route<TAB>query with one of {', '.join(ROUTES)}")
        examples.append(Example(route, unescape(query)))
    return examples


def read_labelled(path: Path) -> list[Example]:
    """The queries of a labelled file, or of a bank, whose name begins with its route."""
    if path.suffix == ".tsv":
        return read_tsv(path)
    return [Example(path.stem.split("-")[0], line) for line in read_lines(path)]


def labels_of(examples: list[Example]) -> torch.Tensor:
    """Routes as indices."""
    return torch.tensor([ROUTES.index(example.route) for example in examples])


def cut(tokens: list[int], longest: int) -> list[int]:
    """Keeps the head and the tail of a long query: a request stands before or after what was pasted, not inside it.

    The engine that serves the model cuts by the same rule (router/format.md).
    """
    if len(tokens) <= longest:
        return tokens
    tail = longest // 2
    return tokens[: longest - tail] + tokens[len(tokens) - tail :]
