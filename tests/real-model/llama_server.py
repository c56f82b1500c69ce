"""The HTTP server of llama.cpp with a model, by the wheel `xllamacpp`, which has it built in.

    llama_server.py MODEL.gguf PORT CONTEXT

Says `listening on ADDRESS` when the model is loaded, and ends when its input does.
"""

from __future__ import annotations

import sys

import xllamacpp


def main(model: str, port: str, context: str) -> None:
    """Serves until the input ends."""
    params = xllamacpp.CommonParams()
    params.model.path = model
    params.n_ctx = int(context)
    params.n_parallel = 1
    params.hostnames = ["127.0.0.1"]
    params.endpoint_props = True
    params.port = int(port)
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 1
    params.warmup = False
    server = xllamacpp.Server(params)
    print(f"listening on {server.listening_address}", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:4])
