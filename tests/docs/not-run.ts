/**
 * Commands of the documents that `commands.ts` does not run, each with the reason and with who does it instead. Owns: that
 * list. Does not own: finding commands (`blocks.ts`).
 *
 * 1. A command stands here word for word. One that is new, or changed by a letter, is run; there is no pattern that it could
 *    fall under.
 * 2. An entry that no document has any more is refused (tests/unit/docs/commands.test.ts).
 */
import type { DocCommand } from './blocks.ts';

/** What has to be allowed by a flag of `commands.ts` first: it takes minutes, or fetches from registries. */
export type Flag = '--long' | '--network';

export interface NotRun {
  readonly why: string;
  /** Of this document alone. */
  readonly page?: string;
  /** A file of the project that does the same, or another form of it. */
  readonly instead?: string;
  /** With it the commands are run. */
  readonly flag?: Flag;
  /** First lines, without the comment at their end. */
  readonly commands: readonly string[];
}

export const notRun: readonly NotRun[] = [
  {
    why: 'needs an engine of containers with its images',
    instead: 'tests/containers/run.ts',
    commands: [
      'docker compose up --detach --build',
      'docker compose run --rm cli index docs',
      'docker compose run --rm cli run "How does a task survive a crash?"',
      'docker compose exec dashboard cat /run/mesh/dashboard-link',
      'docker compose exec gateway cat /run/mesh/token',
      'docker compose run --rm --entrypoint rm setup /run/mesh/dashboard.env',
      'docker compose up --detach --force-recreate setup gateway dashboard',
      'docker compose down',
      'docker build --target agents --tag agent-mesh/agents:0.1.0 \\',
      'for t in keeper agents llm tools gateway dashboard router; do',
      'node tests/containers/run.ts',
    ],
  },
  {
    why: 'needs a cluster; the script runs on a stand-in of kubectl in the unit tests',
    instead: 'tests/unit/packaging/identities.test.ts',
    commands: ['k8s/make-secrets.sh'],
  },
  {
    why: 'needs a cluster',
    commands: [
      'kubectl apply -k k8s/overlays/local',
      'kubectl -n agent-mesh rollout status statefulset/agents',
      'kubectl apply -f k8s/cli.yaml',
      'kubectl -n agent-mesh exec cli -- node cli/main.ts run "How does a task survive a crash?"',
      "kubectl -n agent-mesh get secret mesh-dashboard -o 'jsonpath={.data.token}' | base64 -d",
    ],
  },
  {
    why: 'needs a NATS of the applications, and a sidecar that stays in the foreground',
    instead: 'tests/dapr/run.ts',
    commands: [
      'nats --server nats://nats-apps:4222 stream add APPS --subjects mesh.tasks --defaults',
      'nats --server nats://nats-apps:4222 stream add APPS_DEAD --subjects mesh.dead --defaults',
      'node tests/dapr/run.ts',
      'daprd --app-id mesh-gateway --app-port 7444 --app-protocol http --enable-app-health-check \\',
    ],
  },
  {
    why: 'asks at a terminal for each next page',
    commands: [`nats stream view MESH --subject "mesh.events.$TASK" --translate "jq -c 'arrays[], objects'"`],
  },
  {
    why: 'fetches a gigabyte from a hub; the download is tried on a server of the tests',
    instead: 'tests/integration/models',
    commands: ['./mesh models pull qwen2.5-coder-1.5b'],
  },
  {
    why: 'is the test suite itself, or a part of it',
    instead: '.ci/run',
    commands: ['.ci/run', 'npm run check', './mesh test', './mesh test unit', 'node tests/docs/commands.ts'],
  },
  {
    why: 'takes minutes to hours; a short form is in the tests',
    flag: '--long',
    commands: [
      './mesh test integration tests/integration/crash',
      './mesh sim --seeds 1000',
      './mesh sim --seeds 2000',
      'node simulation/mutate.ts',
      './mesh chaos --kills 60 --seed 7',
      'node tests/scale/run.ts',
      'node tests/scale/run.ts --large',
      'node tests/power-loss/main.ts --rounds 6',
      'node tests/fuzz/main.ts --inputs 10000 --seed 151',
      'node tests/pauses/main.ts --seed 1 -- --project integration',
    ],
  },
  {
    why: 'fetches packages from a registry',
    flag: '--network',
    commands: [
      'pip install grpcio grpcio-tools googleapis-common-protos',
      'python -m grpc_tools.protoc -I gateway/proto -I gateway/third_party --python_out=stubs --grpc_python_out=stubs \\',
      'folder=$(mktemp -d) && cp tests/fixtures/daprd/main.go "$folder" && cd "$folder"',
      'go mod init daprd && go mod edit -require=github.com/dapr/dapr@v1.14.0 && go mod tidy',
      `cp -r "$(go list -m -f '{{.Dir}}' github.com/dapr/dapr)" dapr && chmod -R u+w dapr`,
      "echo 'package components' > dapr/cmd/daprd/components/zz_notag.go",
      'go mod edit -replace github.com/dapr/dapr=./dapr',
      'CGO_ENABLED=0 go build -o daprd . && mkdir -p "$OLDPWD/.mesh/tools/daprd" && cp daprd "$OLDPWD/.mesh/tools/daprd/"',
    ],
  },
  {
    why: 'trains for a quarter of an hour, after gigabytes of packages from a registry',
    commands: [
      'router/training/train.sh',
      '.mesh/training-venv/bin/python -m router.training.train --without 6,7,9 --out /tmp/strangers.pt',
      '.mesh/training-venv/bin/python -m router.training.evaluate --model /tmp/strangers.pt router/training/data/bank/*-[67].txt',
    ],
  },
  {
    why: 'needs an embedding model and a server of Chroma',
    instead: 'tests/integration/knowledge',
    commands: ['EMBEDDING_MODEL_PATH=model.gguf CHROMA_URL=http://127.0.0.1:8000 node bench/recall.ts'],
  },
  {
    why: 'starts a mesh that stays in the foreground, with a key',
    instead: 'tests/integration/mesh/signed.test.ts',
    commands: ['MESH_SIGNING_KEY=signing-key.pem ./mesh up'],
  },
  {
    why: 'needs a task that a crash cut off',
    instead: 'tests/integration/telemetry/crash-trace.test.ts',
    commands: ['./mesh trace 6f1c2d3e --before-crash'],
  },
  {
    why: 'needs the packed package in a folder of its own; CI walks through this part of the page as it stands',
    page: 'docs/your-own.md',
    instead: 'packaging/walk.ts',
    commands: [
      'npx file:./agent-mesh-0.1.0.tgz init my-mesh',
      'cd my-mesh',
      "cat > workflows/letter.json <<'END'",
      'npx tsc',
      'npx mesh sim --seeds 20',
      'npx mesh up --detach',
      `npx mesh run --workflow letter 'tool:stamp {"text": "Dear mesh"}' > answer.txt &`,
      'until [ -f office-is-open ]; do sleep 0.1; done',
      `kill -9 $(node -p "JSON.parse(fs.readFileSync('.mesh/run.json')).services.find((one) => one.name === 'tools').process.pid")`,
      'wait',
      'cat answer.txt',
      'npx mesh down',
      'echo "stamped $(wc -l < stamps.txt) times"',
    ],
  },
];

/** Its first line, without the comment at the end. */
function firstLine({ text }: DocCommand): string {
  return (text.split('\n')[0] ?? '').replace(/ +# .*$/, '').trim();
}

export function isOf({ page, commands }: NotRun, command: DocCommand): boolean {
  return (page === undefined || page === command.page) && commands.includes(firstLine(command));
}

/** Why it is not run; null when it is. */
export function reasonOf(command: DocCommand, flags: readonly Flag[] = []): NotRun | null {
  const entry = notRun.find((one) => isOf(one, command));
  return entry === undefined || (entry.flag !== undefined && flags.includes(entry.flag)) ? null : entry;
}
