/**
 * A graphics card that llama.cpp could use and does not. Owns: seeing the card, and the one line that adds the build for
 * it. Does not own: installing.
 *
 * The builds for graphics cards weigh some 600 MB, so they are not part of the installation.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

interface Card {
  readonly what: string;
  /** Present when the card and its driver are. */
  readonly sign: string;
  readonly package: string;
}

const cards: readonly Card[] = [
  { what: 'an NVIDIA graphics card', sign: '/proc/driver/nvidia/version', package: '@node-llama-cpp/linux-x64-cuda' },
  { what: 'a graphics card', sign: '/dev/dri/renderD128', package: '@node-llama-cpp/linux-x64-vulkan' },
];

/** What to do to use the card of this machine; null when there is none, or it is used already. */
export function gpuAdvice(root: string): string | null {
  if (process.platform !== 'linux' || process.arch !== 'x64') return null;
  const card = cards.find(({ sign }) => existsSync(sign));
  if (card === undefined || packageVersion(root, card.package) !== null) return null;
  const version = packageVersion(root, 'node-llama-cpp');
  return `${card.what} is there, and llama.cpp runs on the processor; to use it: npm install --no-save ${card.package}@${version ?? 'latest'}`;
}

/** Null when the package is not there, or is an empty one in its place. */
function packageVersion(root: string, name: string): string | null {
  const file = manifestOf(root, name);
  if (file === null) return null;
  const manifest: unknown = JSON.parse(readFileSync(file, 'utf8'));
  if (typeof manifest !== 'object' || manifest === null || !('name' in manifest) || !('version' in manifest))
    return null;
  return manifest.name === name && typeof manifest.version === 'string' ? manifest.version : null;
}

/** In the folder of the product or above it, where an installation has put it. */
function manifestOf(root: string, name: string): string | null {
  for (let folder = root; ; folder = dirname(folder)) {
    const file = join(folder, 'node_modules', name, 'package.json');
    if (existsSync(file)) return file;
    if (dirname(folder) === folder) return null;
  }
}
