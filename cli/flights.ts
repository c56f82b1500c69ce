/**
 * Recordings of the flight recorder on this machine. Owns: finding them. Does not own: their form
 * (`telemetry/flight-recorder.ts`).
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

export interface Flight {
  readonly folder: string;
  /** Service and host, as the folder names them. */
  readonly process: string;
  /** Null for the recording of a process that runs, or stopped in order. */
  readonly crashedAtMs: number | null;
}

/** The newest crash first, then the others. */
export function flightFolders(parent: string): Flight[] {
  return namesIn(parent)
    .map((name) => {
      const [, process = name, at] = /^(.*?)(?:\.crash-(\d+))?$/.exec(name) ?? [];
      return { folder: join(parent, name), process, crashedAtMs: at === undefined ? null : Number(at) };
    })
    .toSorted((one, other) => (other.crashedAtMs ?? 0) - (one.crashedAtMs ?? 0));
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
