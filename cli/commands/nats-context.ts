/**
 * `mesh nats-context`: NATS' own command speaks with this mesh. Owns: writing a context of it, in the form and the place
 * of natscli, and selecting it. Does not own: keys (cli/nats-keys.ts), or what they may do (bus/identities.ts).
 *
 * The context names the file of a key, it holds none: whoever reads it learns nothing.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { answerPrefix, type Identity, inboxPrefix } from '../../bus/identities.ts';
import { seedPath } from '../../config/nats-access.ts';
import { natsUrl, type Settings } from '../../config/settings.ts';
import { makeFolder } from '../../guards/make-folder.ts';
import { declare, settingsNow } from '../command.ts';
import { CliError } from '../errors.ts';
import { liveness, readRunState } from '../supervisor/run-state.ts';
import { print } from '../terminal.ts';

const NAME = 'mesh';

export function command() {
  return declare({
    name: 'nats-context',
    group: 'Care',
    summary: 'let the `nats` command submit tasks',
    details:
      'Writes and selects a context of natscli for the server of this mesh. By it you may publish to mesh.tasks and nothing else; with --owner, everything that the mesh itself may: read every prompt, change and delete streams.',
    examples: [
      ['nats-context', '`nats pub mesh.tasks "…"` works from now on'],
      ['nats-context --owner', '`nats stream view MESH`, `nats micro ls` as well'],
    ],
  })
    .option('--owner', 'as the owner of the mesh, who may do everything')
    .action(({ owner = false }: { owner?: boolean }) => {
      const settings = settingsNow();
      if (settings.NATS_URL !== undefined)
        throw new CliError(2, 'NATS_URL names a server of yours: give `nats` the credentials that you have for it');
      const identity = owner ? 'owner' : 'public';
      const { path, before } = writeContext(settings, identity, configFolder());
      const may = owner ? 'everything' : '`nats pub mesh.tasks "…"`, and nothing else';
      print(`The context ${NAME} is selected (${path}). It may do ${may}.`);
      if (before !== '' && before !== NAME) print(`\`nats context select ${before}\` goes back to the one before.`);
    });
}

/** Where natscli keeps its contexts. */
function configFolder(): string {
  const base = process.env.XDG_CONFIG_HOME;
  return join(base === undefined || base === '' ? join(homedir(), '.config') : base, 'nats');
}

/** @throws CliError when the mesh has no keys yet */
function writeContext(settings: Settings, identity: Identity, folder: string): { path: string; before: string } {
  const nkey = seedPath(settings.MESH_HOME, identity);
  if (!existsSync(nkey)) throw new CliError(2, 'this mesh has no keys yet: the first `mesh up` makes them');
  const local = liveness(readRunState(settings));
  const context = {
    description: `Agent Mesh, as ${identity}`,
    url: local.kind === 'up' ? local.state.natsUrl : natsUrl(settings),
    nkey,
    // Services answer there alone, and who may submit hears nothing else.
    inbox_prefix: identity === 'owner' ? answerPrefix(identity) : inboxPrefix(identity),
  };
  const path = join(folder, 'context', `${NAME}.json`);
  write(path, `${JSON.stringify(context, null, 2)}\n`);
  const selected = join(folder, 'context.txt');
  const before = existsSync(selected) ? readFileSync(selected, 'utf8').trim() : '';
  write(selected, NAME);
  return { path, before };
}

function write(path: string, text: string): void {
  makeFolder(dirname(path), 0o700);
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, text, { mode: 0o600 });
  renameSync(temporary, path);
}
