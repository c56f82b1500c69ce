#!/bin/sh
# Makes the secrets of the mesh in the namespace agent-mesh, once: the token of the log, the gateway's first callers, and the
# dashboard's two tokens. Prints the tokens that people need. What is there is left alone.
set -eu
namespace=${1:-agent-mesh}
sha256() { printf %s "$1" | sha256sum | cut -d' ' -f1; }
random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }

kubectl create namespace "$namespace" 2>/dev/null || true
if ! kubectl -n "$namespace" get secret mesh-nats >/dev/null 2>&1; then
  token=$(random)
  kubectl -n "$namespace" create secret generic mesh-nats \
    --from-literal=token="$token" --from-literal=url="nats://$token@nats:4222"
fi
if ! kubectl -n "$namespace" get secret mesh-callers >/dev/null 2>&1; then
  token=$(random)
  hash=$(sha256 "$token")
  kubectl -n "$namespace" create secret generic mesh-callers --from-literal=token="$token" \
    --from-literal=callers.json="{\"callers\":[{\"name\":\"owner\",\"role\":\"admin\",\"tokenSha256\":\"$hash\"}]}"
  echo "token of the caller \"owner\": $token"
fi
# The secret of the dashboard is made last: a run that was cut off is made up for by the next one.
if ! kubectl -n "$namespace" get secret mesh-dashboard >/dev/null 2>&1; then
  token=$(random)
  caller_token=$(random)
  entry="{\"name\":\"mesh-dashboard\",\"role\":\"admin\",\"tokenSha256\":\"$(sha256 "$caller_token")\"}"
  # The first bracket of a file of callers opens their list, which is never empty.
  encoded=$(kubectl -n "$namespace" get secret mesh-callers -o 'jsonpath={.data.callers\.json}')
  callers=$(printf %s "$encoded" | base64 -d | tr -d '\n' | sed "s/\[/[$entry,/")
  case $callers in *mesh-dashboard*) ;; *) echo "mesh-callers has no list of callers in callers.json" >&2 && exit 1 ;; esac
  kubectl -n "$namespace" patch secret mesh-callers --type merge \
    --patch "{\"data\":{\"callers.json\":\"$(printf %s "$callers" | base64 | tr -d '\n')\"}}" >/dev/null
  kubectl -n "$namespace" create secret generic mesh-dashboard \
    --from-literal=token="$token" --from-literal=caller-token="$caller_token"
  echo "token of the dashboard: $token"
fi
