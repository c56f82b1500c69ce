#!/bin/sh
# Makes the secrets of the mesh in the namespace agent-mesh, once: a key of NATS for each process, the gateway's first callers,
# and the dashboard's two tokens. Prints the tokens that people need. What is there is left alone, but for what each process
# may do on NATS: that is written as this release wants it. Needs Node, in the checkout.
set -eu
namespace=${1:-agent-mesh}
cd "$(dirname "$0")/.."
sha256() { printf %s "$1" | sha256sum | cut -d' ' -f1; }
random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }
has() { kubectl -n "$namespace" get secret "$1" >/dev/null 2>&1; }

kubectl create namespace "$namespace" 2>/dev/null || true

keys=$(mktemp -d)
trap 'rm -rf "$keys"' EXIT
umask 077
identities="owner keeper agents llm tools gateway dashboard public"
for one in $identities; do
  has "mesh-nats-$one" || continue
  mkdir "$keys/$one"
  kubectl -n "$namespace" get secret "mesh-nats-$one" -o 'jsonpath={.data.seed\.nk}' | base64 -d >"$keys/$one/seed.nk"
done
node containers/make-identities.ts "$keys" >/dev/null
for one in $identities; do
  has "mesh-nats-$one" || kubectl -n "$namespace" create secret generic "mesh-nats-$one" --from-file=seed.nk="$keys/$one/seed.nk"
done
if has mesh-nats-users; then kubectl -n "$namespace" delete secret mesh-nats-users >/dev/null; fi
kubectl -n "$namespace" create secret generic mesh-nats-users --from-file=users.conf="$keys/server/users.conf"

if ! has mesh-callers; then
  token=$(random)
  hash=$(sha256 "$token")
  kubectl -n "$namespace" create secret generic mesh-callers --from-literal=token="$token" \
    --from-literal=callers.json="{\"callers\":[{\"name\":\"owner\",\"role\":\"admin\",\"tokenSha256\":\"$hash\"}]}"
  echo "token of the caller \"owner\": $token"
fi
# The secret of the dashboard is made last: a run that was cut off is made up for by the next one.
if ! has mesh-dashboard; then
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
