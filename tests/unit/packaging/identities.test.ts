/** The identities of a mesh in containers: files for each process, a server that reads them, secrets of a cluster. */
import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { identities } from '../../../bus/identities.ts';
import { connectBus } from '../../../bus/nats-bus.ts';
import { projectRoot } from '../../../config/settings.ts';
import { startNatsServer } from '../../support/nats-server.ts';

const exec = promisify(execFile);
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mesh-identities-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const make = (into: string) => exec(process.execPath, ['containers/make-identities.ts', into], { cwd: projectRoot });
const seed = (of: string): string => readFileSync(join(folder, of, 'seed.nk'), 'utf8');

describe('identities in containers', () => {
  it('have a key each, in a folder of its own, that stays; the server reads who may do what', async () => {
    await make(folder);
    const seeds = identities.map(seed);
    expect(new Set(seeds).size).toBe(identities.length);
    for (const one of identities) expect(statSync(join(folder, one, 'seed.nk')).mode & 0o777, one).toBe(0o600);
    const users = join(folder, 'server', 'users.conf');
    expect(statSync(users).mode & 0o777).toBe(0o644);
    for (const one of seeds) expect(readFileSync(users, 'utf8')).not.toContain(one.trim());
    writeFileSync(users, '# of an earlier release');
    await make(folder);
    expect(identities.map(seed)).toEqual(seeds);

    const nats = await startNatsServer({ extraConfig: readFileSync(users, 'utf8') });
    try {
      await expect(connectBus({ url: nats.url, name: 'nobody' })).rejects.toMatchObject({ code: 'refused' });
      const keeper = await connectBus({ url: nats.url, name: 'keeper', identity: 'keeper', seed: seed('keeper') });
      await keeper.ensureTopology();
      await keeper.close();
      const tools = await connectBus({ url: nats.url, name: 'tools', identity: 'tools', seed: seed('tools') });
      await expect(tools.publish({ subject: 'mesh.tasks', body: '{}' })).rejects.toThrow();
      await tools.close();
    } finally {
      await nats.stop();
    }
  });
});

/** As much of kubectl as the script asks for: secrets are folders of files. */
const KUBECTL = `#!/bin/sh
set -eu
[ "$1" = create ] && exit 0
shift 2
verb=$1; shift
case $verb in
  get) name=$2; [ -d "$STORE/$name" ] || exit 1
    case "\${4:-}" in *jsonpath*) key=$(printf %s "$4" | sed "s/jsonpath={.data.//; s/}//; s/\\\\\\\\//g"); base64 <"$STORE/$name/$key" ;; esac ;;
  delete) rm -r "$STORE/$2" ;;
  patch) name=$2; printf %s "$6" | sed 's/.*"callers.json":"//; s/".*//' | base64 -d >"$STORE/$name/callers.json" ;;
  create) name=$3; mkdir "$STORE/$name"; shift 3
    for one in "$@"; do
      case $one in
        --from-file=*) pair=\${one#--from-file=}; cp "\${pair#*=}" "$STORE/$name/\${pair%%=*}" ;;
        --from-literal=*) pair=\${one#--from-literal=}; printf %s "\${pair#*=}" >"$STORE/$name/\${pair%%=*}" ;;
      esac
    done ;;
esac
`;

describe('k8s/make-secrets.sh', () => {
  it('makes a secret for each identity once, and writes anew what each may do', async () => {
    const [bin, store] = [join(folder, 'bin'), join(folder, 'store')];
    for (const one of [bin, store]) mkdirSync(one);
    writeFileSync(join(bin, 'kubectl'), KUBECTL);
    chmodSync(join(bin, 'kubectl'), 0o755);
    const path = [bin, join(process.execPath, '..'), process.env.PATH].join(':');
    const run = () =>
      exec('sh', ['k8s/make-secrets.sh'], { cwd: projectRoot, env: { ...process.env, PATH: path, STORE: store } });
    const secret = (name: string, key: string): string => readFileSync(join(store, name, key), 'utf8');
    const seeds = () => identities.map((one) => secret(`mesh-nats-${one}`, 'seed.nk'));
    const first = await run();
    expect(first.stdout).toContain('token of the caller "owner": ');
    const made = seeds();
    expect(new Set(made).size).toBe(identities.length);
    expect(secret('mesh-nats-users', 'users.conf')).toContain('authorization {');
    const callers = secret('mesh-callers', 'callers.json');
    expect(JSON.parse(callers)).toMatchObject({ callers: [{ name: 'mesh-dashboard' }, { name: 'owner' }] });
    writeFileSync(join(store, 'mesh-nats-users', 'users.conf'), '# of an earlier release');
    const again = await run();
    expect([seeds(), secret('mesh-callers', 'callers.json')]).toEqual([made, callers]);
    expect(secret('mesh-nats-users', 'users.conf')).toContain('authorization {');
    expect(again.stdout).not.toContain('token of');
  });
});
