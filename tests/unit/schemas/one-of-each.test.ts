/** What many parts need is made in one place: a second one would come to differ from it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { expect, test } from 'vitest';
import { projectRoot } from '../../../config/settings.ts';

/** What runs; tests and the simulation also write what nobody should. */
const FOLDERS = [
  ...[
    'actors',
    'bus',
    'cli',
    'code-checks',
    'dashboard/server',
    'embed',
    'gateway',
    'gguf-models',
    'ingress',
    'knowledge',
  ],
  ...['mcp', 'registry', 'resilience', 'router', 'schemas/events', 'sdk', 'services', 'task-client', 'telemetry'],
  'worker-pool',
];

const sources = FOLDERS.flatMap((folder) =>
  readdirSync(join(projectRoot, folder), { withFileTypes: true, recursive: true })
    .filter(
      (entry) =>
        entry.isFile() &&
        entry.name.endsWith('.ts') &&
        !/\/(gen|snippets|template)\b/.test(entry.parentPath) &&
        entry.name !== 'generated.ts',
    )
    .map((entry) => join(entry.parentPath, entry.name)),
).map((path) => ({
  path: relative(projectRoot, path),
  // Comments may name what they speak of.
  code: readFileSync(path, 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, ''),
}));

const SUBJECTS =
  'tasks|in|events|journal|checkpoint|quarantine|tokens|progress|recall|asked|hosts|ends|telemetry|keeper';

const rules: readonly (readonly [what: string, sign: RegExp, home: RegExp])[] = [
  // The names of metrics and spans begin alike.
  ['subjects', new RegExp(`['"\`]mesh\\.(?:${SUBJECTS})\\b`), /^schemas\/events\/|^telemetry\/(?:metrics|spans)\.ts$/],
  // Of a journal every entry is cut to what reading it needs; what Dapr brings is read, not made.
  ['envelopes', /specversion: '1\.0'/, /^schemas\/events\/make-event\.ts$|^actors\/runtime\/journal\/record\.ts$/],
  ['patterns of a traceparent', /\^00-/, /^schemas\/events\/trace-context\.ts$/],
  ['content types of events', /'application\/cloudevents[^']*'/, /^schemas\/events\/envelope\.ts$/],
  ['pauses that double', /\* 2 \*\* \(?(?:Math|[a-z])|(?:pause|delay|wait)Ms \* 2\b/, /^resilience\/back-off\.ts$/],
];

test.each(rules)('%s have one home', (_, sign, home) => {
  const found = sources.filter(({ code }) => sign.test(code)).map(({ path }) => path);
  expect(found.filter((path) => !home.test(path))).toEqual([]);
  expect(found.filter((path) => home.test(path))).not.toEqual([]);
});
