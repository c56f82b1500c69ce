/**
 * `mesh backup`. Owns: its help and what it says. Does not own: making one (cli/backup/make.ts).
 */

import { resolve } from 'node:path';
import type { Command } from 'commander';
import { makeBackup } from '../backup/make.ts';
import { hint } from '../called.ts';
import { declare, settingsNow } from '../command.ts';
import { note, plural, print, printJson } from '../terminal.ts';

export function command(): Command {
  return declare({
    name: 'backup',
    group: 'Care',
    summary: 'copy what the mesh remembers, also while it runs',
    details:
      'Ledgers of all services, each as of one moment, and the store of the mesh’s own nats-server; with NATS_URL the log is on your server, and is backed up there. Not the knowledge base (`mesh index` makes it) and not settings.',
    examples: [
      ['backup /backups/monday', 'into a new folder'],
      ['backup /backups/monday.tar.gz', 'into one file; .tar and .tgz work as well'],
    ],
  })
    .argument('<path>', 'a new folder, or a file ending in .tar, .tar.gz or .tgz')
    .option('--json', 'print one JSON object')
    .action((path: string, options: { json?: true }) => backup(path, options.json === true));
}

async function backup(named: string, json: boolean): Promise<void> {
  const path = resolve(named);
  const made = await makeBackup(settingsNow(), path, note);
  if (json) return printJson({ path, ...made });
  const log =
    made.log === null
      ? 'the log is not in it: it is on the server that NATS_URL names'
      : `the log up to event ${made.log.lastSeq}`;
  print(`${plural(made.ledgers.length, 'ledger')} and ${log}, as of ${made.at}: ${path}`);
  print(hint('Put it back with `mesh restore`, while the mesh is down.'));
}
