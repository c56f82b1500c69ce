/**
 * `mesh keys`: the key by which messages of the log are signed. Owns: making one, and showing the public half. Does not own:
 * signing (`bus/signatures.ts`), or which keys a process has (`services/adapters/signing.ts`).
 */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { keyId, publicText } from '../../bus/signatures.ts';
import { readSigning } from '../../services/adapters/signing.ts';
import { declare, settingsNow } from '../command.ts';
import { CliError, pathProblem } from '../errors.ts';
import { print, printJson } from '../terminal.ts';

const DEFAULT_FILE = 'signing-key.pem';

export function command(): Command {
  return declare({
    name: 'keys',
    group: 'Mesh',
    summary: 'make or show the key by which messages are signed',
    details:
      'With MESH_SIGNING_KEY set, everything that a mesh writes into its log is signed, and what is not goes into quarantine.\nTo change the key: new key in MESH_SIGNING_KEY, the old public one in MESH_SIGNING_TRUSTED for as long as the log goes back.',
    examples: [
      ['keys new', `write a key of your own to ${DEFAULT_FILE}`],
      ['keys new team.pem', 'to another file'],
      ['keys show', 'the public half, for MESH_SIGNING_TRUSTED of others'],
    ],
  })
    .argument('<what>', 'new or show')
    .argument('[file]', `where a new key goes; ${DEFAULT_FILE} when absent`)
    .option('--json', 'print one JSON object')
    .action((what: string, file: string | undefined, { json }: { json?: true }) => keys(what, file, json === true));
}

function keys(what: string, file: string | undefined, json: boolean): void {
  if (what === 'new') made(resolve(file ?? DEFAULT_FILE), json);
  else if (what === 'show') show(json);
  else throw new CliError(2, `mesh keys takes new or show, not ${what}`);
}

function show(json: boolean): void {
  const signing = readSigning(settingsNow());
  if (signing === null)
    throw new CliError(2, 'messages of this mesh are not signed: MESH_SIGNING_KEY is not set (`mesh keys new`)');
  const own = signing.own?.id ?? null;
  const all = [...signing.trusted].map(([id, key]) => ({ id, public: publicText(key), own: id === own }));
  if (json) printJson({ keys: all });
  else for (const one of all) print(`${one.public}  ${one.id}${one.own ? '  (own)' : ''}`);
}

function made(path: string, json: boolean): void {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  written(path, privateKey);
  const shown = { file: path, id: keyId(publicKey), public: publicText(publicKey) };
  if (json) {
    printJson(shown);
    return;
  }
  print(`key ${shown.id} written to ${path}, readable by you alone`);
  print(`MESH_SIGNING_KEY=${path}`);
  print(`public half, for MESH_SIGNING_TRUSTED of others: ${shown.public}`);
}

function written(path: string, key: KeyObject): void {
  try {
    writeFileSync(path, key.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600, flag: 'wx' });
  } catch (thrown) {
    const exists = thrown instanceof Error && 'code' in thrown && thrown.code === 'EEXIST';
    const reason = exists ? 'it exists, and a key is never overwritten' : (pathProblem(thrown) ?? String(thrown));
    throw new CliError(2, `${path} cannot be written: ${reason}`);
  }
}
