/**
 * Fetches a nats-server into MESH_HOME/bin. Owns: the pinned release, its checksums, and the distribution's package as
 * second choice. Does not own: deciding that one is needed (nats-server.ts).
 *
 * A binary is put in its place only after its archive's SHA-256 was found right, or after the package manager has
 * checked the package's own signature chain.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { makeFolder } from '../guards/make-folder.ts';

const run = promisify(execFile);

export const NATS_SERVER_VERSION = '2.12.7';
const RELEASE = `https://github.com/nats-io/nats-server/releases/download/v${NATS_SERVER_VERSION}`;

/**
 * SHA-256 of the Linux archives, as the project's own image recipe (nats-io/nats-docker, 2.12.x) pins them. Archives of
 * other systems are compared with the SHA256SUMS file of the same release: that guards against a broken download, not
 * against a replaced release.
 */
const PINNED: Readonly<Record<string, string>> = {
  'linux-amd64': '570d2d627db111e679cc1e6bc57ba78f373ed1769acd8dc9c21c8f62d15b3c52',
  'linux-arm64': '3b9a79986778285c0e5acaba0b1218b72f6159db68fe5b8916a7d846240f9f22',
  'linux-arm7': 'c6a2563489aa54ecb2f5ff73d24fc5f9052ef70c4bf179b10ea322811cd42a0b',
  'linux-ppc64le': '6508ea8a70d7d5cc68978150a55bd51e2a41a37f120c361d7b48c06c699728c8',
  'linux-s390x': '34ae4158237e879c7bf79875101f14a79184c23757f11d521c40c59518203950',
};

/** About 7 MB; a line slower than this is no line to set a machine up with. */
const DOWNLOAD_TIMEOUT_MS = 120_000;
const COMMAND_TIMEOUT_MS = 60_000;

/** The release's name of a platform, such as linux-amd64, or null when it has no archive the mesh can use. */
export function platformName(platform: string, arch: string): string | null {
  const arches: Readonly<Record<string, string>> = {
    x64: 'amd64',
    arm64: 'arm64',
    arm: 'arm7',
    ppc64: 'ppc64le',
    s390x: 's390x',
  };
  const name = arches[arch];
  return name !== undefined && (platform === 'linux' || platform === 'darwin') ? `${platform}-${name}` : null;
}

/** The checksum of a file in the text of a SHA256SUMS file, or null. */
export function checksumIn(sums: string, file: string): string | null {
  for (const line of sums.split('\n')) {
    const [sum, name] = line.trim().split(/\s+\*?/);
    if (name === file && sum !== undefined && /^[0-9a-f]{64}$/i.test(sum)) return sum.toLowerCase();
  }
  return null;
}

async function download(url: string): Promise<Buffer> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(DOWNLOAD_TIMEOUT_MS) });
    if (!response.ok) throw new Error(`the server answered ${response.status}`);
    return Buffer.from(await response.arrayBuffer());
  } catch (error) {
    throw new Error(`${basename(url)} could not be downloaded`, { cause: error });
  }
}

/** A folder beside the target, so that the binary is moved into place in one step. */
async function inScratch(target: string, work: (folder: string) => Promise<string>): Promise<void> {
  makeFolder(dirname(target));
  const folder = mkdtempSync(join(dirname(target), 'fetch-'));
  try {
    const binary = await work(folder);
    const ready = join(folder, 'ready');
    copyFileSync(binary, ready);
    chmodSync(ready, 0o755);
    renameSync(ready, target);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The official archive of the pinned release. */
export async function fetchArchive(target: string, say: (text: string) => void): Promise<void> {
  const platform = platformName(process.platform, process.arch);
  if (platform === null) throw new Error(`there is no archive for ${process.platform} ${process.arch}`);
  const name = `nats-server-v${NATS_SERVER_VERSION}-${platform}`;
  const file = `${name}.tar.gz`;
  say(`fetching nats-server ${NATS_SERVER_VERSION} (official archive)`);
  const archive = await download(`${RELEASE}/${file}`);
  const pinned = PINNED[platform];
  if (pinned === undefined)
    say('its checksum is not pinned for this system; comparing with the SHA256SUMS of the release');
  const expected = pinned ?? checksumIn((await download(`${RELEASE}/SHA256SUMS`)).toString('utf8'), file);
  const actual = createHash('sha256').update(archive).digest('hex');
  if (actual !== expected) throw new Error(`${file} has SHA-256 ${actual}, not ${expected}: it was thrown away`);
  await inScratch(target, async (folder) => {
    writeFileSync(join(folder, file), archive);
    await run('tar', ['-xzf', file], { cwd: folder, timeout: COMMAND_TIMEOUT_MS });
    return join(folder, name, 'nats-server');
  });
}

/** The package of a Debian-like system, unpacked without root. */
export async function fetchPackage(target: string, say: (text: string) => void): Promise<void> {
  if (process.platform !== 'linux') throw new Error('this system has no apt');
  await inScratch(target, async (folder) => {
    say("fetching nats-server (the distribution's package, without installing it)");
    await run('apt-get', ['download', 'nats-server'], { cwd: folder, timeout: DOWNLOAD_TIMEOUT_MS });
    const file = readdirSync(folder).find((name) => name.endsWith('.deb'));
    if (file === undefined) throw new Error('apt-get downloaded no package');
    await run('dpkg', ['-x', file, 'unpacked'], { cwd: folder, timeout: COMMAND_TIMEOUT_MS });
    return join(folder, 'unpacked', 'usr', 'sbin', 'nats-server');
  });
}
