#!/bin/sh
# Makes the two secrets of the mesh in the namespace agent-mesh, once: the token of the log, and the gateway's first caller.
# Prints the token of that caller. What is there is left alone.
set -eu
namespace=${1:-agent-mesh}
random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }

kubectl create namespace "$namespace" 2>/dev/null || true
if ! kubectl -n "$namespace" get secret mesh-nats >/dev/null 2>&1; then
  token=$(random)
  kubectl -n "$namespace" create secret generic mesh-nats \
    --from-literal=token="$token" --from-literal=url="nats://$token@nats:4222"
fi
if ! kubectl -n "$namespace" get secret mesh-callers >/dev/null 2>&1; then
  token=$(random)
  hash=$(printf %s "$token" | sha256sum | cut -d' ' -f1)
  kubectl -n "$namespace" create secret generic mesh-callers --from-literal=token="$token" \
    --from-literal=callers.json="{\"callers\":[{\"name\":\"owner\",\"role\":\"admin\",\"tokenSha256\":\"$hash\"}]}"
  echo "token of the caller \"owner\": $token"
fi
