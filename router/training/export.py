"""Writes the checkpoint as GGUF. Owns: names, metadata and rounding of the file. Does not own: the weights.

Format `embedding-head-v1` (router/format.md): llama.cpp gives the mean of the last states; the head is in the metadata.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import gguf
import numpy as np
import torch

from . import vocabulary as vocabularies
from .encoder import MATRICES, SCALE, WORDS, Encoder, kept, logits_of, rounded
from .evaluate import TEMPERATURE
from .text import MODELS, ROUTES, WORK
from .vocabulary import BEGIN, END, LONGEST, PAD, SPECIAL, UNKNOWN, Vocabulary

PARTS = {
    "q": "attn_q",
    "k": "attn_k",
    "v": "attn_v",
    "o": "attn_output",
    "o_norm": "attn_output_norm",
    "up": "ffn_up",
    "down": "ffn_down",
    "down_norm": "layer_output_norm",
}
"""What the parts of a layer are called in llama.cpp."""


PARITY = (
    "",
    "hi",
    "Write a debounce function in TypeScript",
    "what is the difference between a mutex and a semaphore?",
    "17 * 23",
    "Überprüfe bitte meinen Code: if (a = b) { größer() }",
    "is this right?\n```python\ndef mean(xs):\n    return sum(xs) / len(xs)\n```",
    "[CLS] [SEP] ##ing <|build|> \x00 \u200b tab\tand  two spaces",
    "日本語のテスト, русский, ελληνικά, 😀 emoji",
    "naïve café façade — “quotes” … don't",
    "supercalifragilisticexpialidocious antidisestablishmentarianism",
    "here is the log, what does it mean? " + "2026-01-01 12:00:00 ERROR connection reset by peer\n" * 40,
    "x" * 400,
    "for (let i = 0; i < 10; i++) { console.log(i) } " * 30 + "please make this a forEach",
)
"""Queries whose probabilities are kept beside the file: llama.cpp must give the same (tests/integration/router)."""


def spelled(piece: str) -> str:
    """A WordPiece as llama.cpp wants it: beginnings of words are marked, not their continuations."""
    return piece[2:] if piece.startswith("##") and len(piece) > 2 else "\u2581" + piece


def write(model: Encoder, vocabulary: Vocabulary, temperature: float, path: Path) -> None:
    """Writes the file."""
    shape = model.shape
    out = gguf.GGUFWriter(str(path), "bert")
    out.add_name("agent-mesh-router")
    out.add_license("apache-2.0")
    out.add_description("Decides which workflow a prompt wants: answer, build, review, tool or direct.")
    out.add_context_length(shape.positions)
    out.add_embedding_length(shape.width)
    out.add_block_count(shape.layers)
    out.add_feed_forward_length(shape.inner)
    out.add_head_count(shape.heads)
    out.add_layer_norm_eps(shape.epsilon)
    out.add_causal_attention(False)
    out.add_pooling_type(gguf.PoolingType.MEAN)
    out.add_vocab_size(shape.vocabulary)
    out.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    out.add_quantization_version(gguf.GGML_QUANT_VERSION)

    out.add_string("agentmesh.router.format", "embedding-head-v1")
    out.add_array("agentmesh.router.routes", list(ROUTES))
    out.add_array("agentmesh.router.head.weights", (SCALE * model.head.weight.detach()).flatten().tolist())
    out.add_array("agentmesh.router.head.biases", (SCALE * model.head.bias.detach()).tolist())
    out.add_float32("agentmesh.router.temperature", temperature)
    out.add_uint32("agentmesh.router.max_tokens", LONGEST)

    control, normal = gguf.TokenType.CONTROL, gguf.TokenType.NORMAL
    out.add_tokenizer_model("bert")
    out.add_tokenizer_pre("default")
    out.add_token_type_count(2)
    out.add_token_list([piece if piece in SPECIAL else spelled(piece) for piece in vocabulary.pieces])
    out.add_token_types([control if piece in SPECIAL else normal for piece in vocabulary.pieces])
    out.add_bos_token_id(SPECIAL.index(BEGIN))
    out.add_eos_token_id(SPECIAL.index(END))
    out.add_uint32("tokenizer.ggml.cls_token_id", SPECIAL.index(BEGIN))
    out.add_sep_token_id(SPECIAL.index(END))
    out.add_unk_token_id(SPECIAL.index(UNKNOWN))
    out.add_pad_token_id(SPECIAL.index(PAD))

    def matrix(name: str, weight: torch.Tensor, kind: gguf.GGMLQuantizationType) -> None:
        data = weight.detach().numpy().astype(np.float32)
        out.add_tensor(name, gguf.quants.quantize(data, kind), raw_dtype=kind)

    def vector(name: str, weight: torch.Tensor) -> None:
        out.add_tensor(name, weight.detach().numpy().astype(np.float32))

    matrix("token_embd.weight", model.words.weight, WORDS)
    vector("position_embd.weight", model.places.weight)
    vector("token_types.weight", model.kinds.weight)
    vector("token_embd_norm.weight", model.norm.weight)
    vector("token_embd_norm.bias", model.norm.bias)
    for at, layer in enumerate(model.layers):
        for own, theirs in PARTS.items():
            part = getattr(layer, own)
            if part.weight.dim() > 1:
                matrix(f"blk.{at}.{theirs}.weight", part.weight, MATRICES)
            else:
                vector(f"blk.{at}.{theirs}.weight", part.weight)
            vector(f"blk.{at}.{theirs}.bias", part.bias)
    path.parent.mkdir(parents=True, exist_ok=True)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


def write_parity(model: Encoder, vocabulary: Vocabulary, temperature: float, path: Path) -> None:
    """What PyTorch says of some queries."""
    rows = (logits_of(model, vocabulary, list(PARITY)) / temperature).softmax(1).tolist()
    said = [
        {"query": query, "probabilities": {route: round(p, 4) for route, p in zip(ROUTES, row, strict=True)}}
        for query, row in zip(PARITY, rows, strict=True)
    ]
    path.write_text(json.dumps(said, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> None:
    """Exports a checkpoint."""
    parser = argparse.ArgumentParser(description="Writes a checkpoint as GGUF.")
    parser.add_argument("--model", type=Path, default=WORK / "model.pt")
    parser.add_argument("--out", type=Path, default=MODELS / "router.gguf")
    chosen = parser.parse_args()
    vocabulary = vocabularies.load()
    model = rounded(kept(chosen.model, vocabulary))
    write(model, vocabulary, TEMPERATURE, chosen.out)
    write_parity(model, vocabulary, TEMPERATURE, chosen.out.with_name("parity.json"))
    said = hashlib.sha256(chosen.out.read_bytes()).hexdigest()
    print(f"{chosen.out}: {chosen.out.stat().st_size / 1e6:.1f} MB, SHA-256 {said}")


if __name__ == "__main__":
    main()
