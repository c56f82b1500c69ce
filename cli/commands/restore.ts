/**
 * `mesh restore`. Owns: its help and what it says. Does not own: restoring (cli/backup/restore.ts).
 */

import { resolve } from 'node:path';
import type { Command } from 'commander';
import { type Restored, restoreBackup } from '../backup/restore.ts';
import { hint } from '../called.ts';
import { declare, settingsNow } from '../command.ts';
import { plural, print, printJson } from '../terminal.ts';

export function command(): Command {
  return declare({
    name: 'restore',
    group: 'Care',
    summary: 'put back what `mesh backup` has copied',
    details:
      'Only while the mesh is down. What is replaced is kept beside it, as `….aside-<time>`. With --ledgers-only the log stays as it is, and gives the services whatever is newer than the ledgers: nothing is lost. Otherwise everything after the backup is undone, and nobody remembers then what was done outside the mesh since.',
    examples: [
      ['restore /backups/monday', 'ledgers and log'],
      ['restore /backups/monday.tar.gz --ledgers-only', 'only the ledgers: they were lost, the log is there'],
    ],
  })
    .argument('<path>', 'what `mesh backup` has made')
    .option('--ledgers-only', 'leave the log as it is')
    .option('--json', 'print one JSON object')
    .action((path: string, options: { ledgersOnly?: true; json?: true }) => restore(path, options));
}

async function restore(named: string, options: { ledgersOnly?: true; json?: true }): Promise<void> {
  const path = resolve(named);
  const restored = await restoreBackup(settingsNow(), path, options.ledgersOnly === true);
  if (options.json) return printJson({ path, ...restored });
  for (const line of lines(restored)) print(line);
}

function lines({ manifest, withLog, aside }: Restored): string[] {
  const ledgers = plural(manifest.ledgers.length, 'ledger');
  const what = withLog
    ? `${ledgers} and the log are as of ${manifest.at}. What happened after that is undone; what tasks did outside the mesh since is not remembered.`
    : `${ledgers} are as of ${manifest.at}. What is newer comes from the log at the next start.`;
  return [what, ...aside.map((one) => `Kept aside: ${one}`), hint('Start it with `mesh up`.')];
}
