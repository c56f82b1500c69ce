/**
 * The commands of the documents: what stands in their blocks of shell. Owns: finding them, joined where a line goes on, and
 * what only a person or another machine can run, with the reason. Does not own: running them (`commands.ts`).
 */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../config/settings.ts';

export interface DocCommand {
  /** Of the document, from the project's folder. */
  readonly page: string;
  readonly line: number;
  readonly text: string;
}

const PAGES = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'docs/*.md', 'docs/alerts/*.md'];

/** A command that may go on in the next line. */
interface Open {
  readonly line: number;
  readonly text: string;
}

/** A line that ends with a backslash or a pipe; a quotation, a loop or a document in place that is not closed. */
function goesOn({ text }: Open): boolean {
  const isQuoted = (text.match(/'/g)?.length ?? 0) % 2 === 1;
  const isLoop = /;\s*do$/m.test(text) && !/^done$/m.test(text);
  const [, end] = /<<'(\w+)'/.exec(text) ?? [];
  const isHere = end !== undefined && !new RegExp(`^${end}$`, 'm').test(text);
  return /(?:\\|\|\s*)$/.test(text) || isQuoted || isLoop || isHere;
}

/** In the order of the page, one entry a command; a comment alone is none. */
export function commandsOf(page: string, markdown: string): DocCommand[] {
  const found: DocCommand[] = [];
  let isShell = false;
  let open: Open | null = null;
  for (const [index, text] of markdown.split('\n').entries()) {
    if (/^\s*```/.test(text)) {
      isShell = /^\s*```sh$/.test(text);
      continue;
    }
    const before: Open | null = open;
    if (!isShell || (before === null && /^\s*(?:#|$)/.test(text))) continue;
    const now: Open =
      before === null ? { line: index + 1, text } : { line: before.line, text: `${before.text}\n${text}` };
    open = goesOn(now) ? now : null;
    if (open === null) found.push({ page, ...now });
  }
  return found;
}

export function allCommands(): DocCommand[] {
  return globSync(PAGES, { cwd: projectRoot })
    .sort()
    .flatMap((page) => commandsOf(page, readFileSync(join(projectRoot, page), 'utf8')));
}

/** What is not run here, and why; the first that fits. */
const ELSEWHERE: readonly (readonly [pattern: RegExp, reason: string])[] = [
  [
    /^docker |^for t in .*\n.*podman/,
    'needs an engine of containers and a registry of images; tests/containers/run.ts does it with podman',
  ],
  [/^node tests\/containers/, 'needs images; see its header'],
  [
    /^kubectl (?!kustomize)|^k8s\/make-secrets/,
    'needs a cluster; tests/unit/packaging runs the script on a stand-in of kubectl',
  ],
  [
    /^daprd |^nats --server nats:\/\/nats-apps/,
    'needs a sidecar and a NATS of the applications; tests/integration/gateway/dapr.test.ts has a sidecar',
  ],
  [/models pull/, 'fetches a gigabyte; tests/integration/models tries the download on a server of its own'],
  [/^(?:LLM_MODEL_PATH|OPENAI_BASE_URL)=/, 'a line of a .env, not a command'],
  [/^pip |^python -m grpc_tools/, 'needs packages of Python from a registry'],
  [/pgrep/, 'kills by the name of a program: every mesh of this machine would be hit'],
  [
    /^\.\/mesh test(?:$| )|^npm test|^\.ci\/run|^npm run check|^npx vitest/,
    'is the test suite itself, or a part of it',
  ],
  [
    /^\.\/mesh (?:sim|chaos)|^npx mesh sim|^node (?:simulation\/mutate|tests\/(?:scale|power-loss|fuzz|docs))/,
    'takes minutes to hours; has a place of its own in CI or in docs/testing.md',
  ],
  [
    /^MESH_SIGNING_KEY=/,
    'starts a second mesh in the foreground; tests/integration/mesh/signed.test.ts does it with a key',
  ],
  [/--before-crash/, 'needs a task that a crash cut off; tests/integration/telemetry/crash-trace.test.ts makes one'],
  [
    /^npx file:|^cd |^cat > workflows/,
    'needs a packed package in a folder of its own; tests/e2e/your-own.test.ts does all of docs/your-own.md',
  ],
  [/^npx mesh |^\.\/mesh init /, 'needs an installed package; tests/e2e/your-own.test.ts does all of docs/your-own.md'],
  [/--baseline B\.json|--file F\.tsv/, 'with files of your own; the lines beside it run'],
  [/zstd -dc/, 'for a server before 2.10 alone'],
];

/** Why it is not run here; null when it is. */
export function elsewhere({ text }: DocCommand): string | null {
  return ELSEWHERE.find(([pattern]) => pattern.test(text))?.[1] ?? null;
}

/** Reasons that no command has any more. */
export function uselessReasons(commands: readonly DocCommand[]): string[] {
  return ELSEWHERE.filter(([pattern]) => !commands.some(({ text }) => pattern.test(text))).map(([, reason]) => reason);
}
