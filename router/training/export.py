"""Writes the checkpoint as GGUF. Owns: names, metadata and quantisation of the file. Does not own: the weights.

Format `route-token-v1` (router/format.md): the prompt is BOS + query + `<|route|>`; the logits of the route tokens,
divided by the temperature and normalised over the routes, are the decision.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import gguf
import numpy as np
import torch

from . import vocabulary as vocabularies
from .model import Llama, Shape
from .text import MODELS, ROUTES, WORK
from .train import LONGEST
from .vocabulary import BEGIN, END, PAD, SPECIAL, UNKNOWN, Vocabulary


def load(path: str) -> tuple[Llama, Vocabulary]:
    """The model of a checkpoint, and its vocabulary."""
    kept = torch.load(path)
    vocabulary = vocabularies.load(LONGEST)
    model = Llama(Shape(**kept["shape"]), vocabularies.meanings(vocabulary))
    model.load_state_dict(kept["state"])
    return model.eval(), vocabulary


def spelled(piece: str) -> str:
    """A WordPiece as llama.cpp wants it: beginnings of words are marked, not their continuations."""
    return piece[2:] if piece.startswith("##") and len(piece) > 2 else "\u2581" + piece


def write(model: Llama, vocabulary: Vocabulary, temperature: float, path: Path) -> None:
    """Writes the file: matrices as q8_0, norms as they are."""
    shape = model.shape
    out = gguf.GGUFWriter(str(path), "llama")
    out.add_name("agent-mesh-router")
    out.add_license("apache-2.0")
    out.add_description("Decides which workflow a prompt wants: answer, build, review, tool or direct.")
    out.add_context_length(256)
    out.add_embedding_length(shape.width)
    out.add_block_count(shape.layers)
    out.add_feed_forward_length(shape.inner)
    out.add_head_count(shape.heads)
    out.add_head_count_kv(shape.heads)
    out.add_layer_norm_rms_eps(shape.epsilon)
    out.add_rope_dimension_count(shape.width // shape.heads)
    out.add_rope_freq_base(shape.rope_base)
    out.add_vocab_size(shape.vocabulary)
    out.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    out.add_quantization_version(gguf.GGML_QUANT_VERSION)

    out.add_string("agentmesh.router.format", "route-token-v1")
    out.add_array("agentmesh.router.routes", list(ROUTES))
    out.add_float32("agentmesh.router.temperature", temperature)
    out.add_uint32("agentmesh.router.max_tokens", vocabulary.longest)

    control, normal = gguf.TokenType.CONTROL, gguf.TokenType.NORMAL
    out.add_tokenizer_model("bert")
    out.add_tokenizer_pre("default")
    out.add_token_list([piece if piece in SPECIAL else spelled(piece) for piece in vocabulary.pieces])
    out.add_token_scores([0.0] * len(vocabulary.pieces))
    out.add_token_types([control if piece in SPECIAL else normal for piece in vocabulary.pieces])
    out.add_bos_token_id(SPECIAL.index(BEGIN))
    out.add_eos_token_id(SPECIAL.index(END))
    out.add_sep_token_id(SPECIAL.index(END))
    out.add_unk_token_id(SPECIAL.index(UNKNOWN))
    out.add_pad_token_id(SPECIAL.index(PAD))
    out.add_add_bos_token(True)
    out.add_add_eos_token(False)

    def matrix(name: str, weight: torch.Tensor) -> None:
        data = weight.detach().numpy().astype(np.float32)
        kind = gguf.GGMLQuantizationType.Q8_0
        out.add_tensor(name, gguf.quants.quantize(data, kind), raw_dtype=kind)

    def vector(name: str, weight: torch.Tensor) -> None:
        out.add_tensor(name, weight.detach().numpy().astype(np.float32))

    matrix("token_embd.weight", model.embeddings())
    vector("output_norm.weight", model.norm.weight)
    for at, block in enumerate(model.blocks):
        vector(f"blk.{at}.attn_norm.weight", block.attn_norm.weight)
        vector(f"blk.{at}.ffn_norm.weight", block.ffn_norm.weight)
        matrix(f"blk.{at}.attn_q.weight", block.q.weight)
        matrix(f"blk.{at}.attn_k.weight", block.k.weight)
        matrix(f"blk.{at}.attn_v.weight", block.v.weight)
        matrix(f"blk.{at}.attn_output.weight", block.o.weight)
        matrix(f"blk.{at}.ffn_gate.weight", block.gate.weight)
        matrix(f"blk.{at}.ffn_up.weight", block.up.weight)
        matrix(f"blk.{at}.ffn_down.weight", block.down.weight)
    path.parent.mkdir(parents=True, exist_ok=True)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


def main() -> None:
    """Exports a checkpoint."""
    from .evaluate import fitted_temperature

    parser = argparse.ArgumentParser(
        description="Writes a checkpoint as GGUF, with the temperature fitted on the calibration queries."
    )
    parser.add_argument("--model", default=str(WORK / "model.pt"))
    parser.add_argument("--out", type=Path, default=MODELS / "router.gguf")
    chosen = parser.parse_args()
    model, vocabulary = load(chosen.model)
    temperature = fitted_temperature(model, vocabulary)
    write(model, vocabulary, temperature, chosen.out)
    print(f"{chosen.out}: {chosen.out.stat().st_size / 1e6:.1f} MB, temperature {temperature:.3f}")


if __name__ == "__main__":
    main()
