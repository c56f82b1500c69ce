#!/bin/sh
# Images for tests/containers/run.ts where no registry of images is reached: a base with Node from Debian's packages and this
# checkout's Node, NATS and the collector built with Go, Chroma from npm, and the images of the mesh on that base. As root, on
# Debian, with podman, debootstrap and Go. What is there already is kept; `podman rmi` makes it anew.
set -eu
cd "$(dirname "$0")/../../.."
base=localhost/node-base:24
nats_version=2.12.12
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
has() { podman image exists "$1"; }

if ! has "$base"; then
  debootstrap --variant=minbase --include=tini,wget,ca-certificates bookworm "$work/root"
  cp -L "$(command -v node)" "$work/root/usr/local/bin/node"
  cp -r "$(dirname "$(command -v npm)")/../lib/node_modules" "$work/root/usr/local/lib/node_modules"
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$work/root/usr/local/bin/npm"
  tar -C "$work/root" -c . | podman import - "$base"
fi
if ! has "localhost/nats-trial:$nats_version"; then
  mkdir "$work/nats"
  GOBIN="$work/nats" CGO_ENABLED=0 go install "github.com/nats-io/nats-server/v2@v$nats_version"
  podman build --build-arg NODE_IMAGE=$base --file tests/containers/stand-ins/nats.Dockerfile \
    --tag "localhost/nats-trial:$nats_version" "$work/nats"
fi
if ! has localhost/collector-trial; then
  mkdir "$work/collector"
  (cd monitoring/collector && CGO_ENABLED=0 go build -ldflags='-s -w' -o "$work/collector/otelcol-mesh" .)
  podman build --file tests/containers/stand-ins/collector.Dockerfile --tag localhost/collector-trial "$work/collector"
fi
if ! has localhost/chroma-trial; then
  npm install --prefix "$work/chroma" --no-save --no-audit --no-fund chromadb-js-bindings-linux-x64-gnu@1.0.5
  podman build --build-arg NODE_IMAGE=$base --file tests/containers/stand-ins/chroma.Dockerfile --tag localhost/chroma-trial \
    "$work/chroma"
fi
# A registry of npm packages of one's own is told as docs/containers.md says.
npmrc=${NPMRC:-$HOME/.npmrc}
for target in keeper agents llm tools gateway dashboard router; do
  podman build --format docker --build-arg NODE_IMAGE=$base ${npmrc:+--secret id=npmrc,src="$npmrc"} --target "$target" \
    --tag "agent-mesh/$target:0.1.0" .
done
