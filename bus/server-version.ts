/**
 * Which nats-server the mesh works with. Owns: the floor, the refused versions and their reasons. Does not own: what is
 * done differently on an older server (`topology.ts`).
 */
import { BusError } from './port.ts';

/** What Debian 12 ships; all contract tests pass on it. */
const FLOOR = [2, 9, 10] as const;
/** 2.10.20 to 2.10.22 could lose a whole stream when the server crashed. */
const LOSSY_FIRST = [2, 10, 20] as const;
const LOSSY_LAST = [2, 10, 22] as const;

type Version = readonly [number, number, number];

function parseVersion(text: string): Version | null {
  const match = /^v?(\d+)\.(\d+)\.(\d+)/.exec(text);
  return match === null ? null : [Number(match[1]), Number(match[2]), Number(match[3])];
}

function isBefore(one: Version, other: Version): boolean {
  for (const index of [0, 1, 2] as const) {
    if (one[index] !== other[index]) return one[index] < other[index];
  }
  return false;
}

/** Whether a server is this version or newer; one that cannot be read is not. */
export function isAtLeast(versionText: string, floor: Version): boolean {
  const version = parseVersion(versionText);
  return version !== null && !isBefore(version, floor);
}

/** Throws `unsupported_server` with what to do about it. */
export function assertSupportedServer(versionText: string): void {
  const version = parseVersion(versionText);
  if (version === null) {
    throw new BusError('unsupported_server', `the server gives no version that can be read: ${versionText}`);
  }
  if (isBefore(version, FLOOR)) {
    throw new BusError(
      'unsupported_server',
      `nats-server ${versionText} is too old: the mesh needs ${FLOOR.join('.')} or newer`,
    );
  }
  if (!isBefore(version, LOSSY_FIRST) && !isBefore(LOSSY_LAST, version)) {
    throw new BusError(
      'unsupported_server',
      `nats-server ${versionText} can lose a stream when it crashes: use 2.10.23 or newer`,
    );
  }
}
