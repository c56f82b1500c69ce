/**
 * Small instruments. Owns: percentiles, the description of the machine, the price of an fsync. Does not own: what is
 * measured.
 */
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { arch, cpus, platform, totalmem } from 'node:os';
import { join } from 'node:path';

export function round(value: number): number {
  return Math.round(value * 100) / 100;
}

/** @param share 0 to 1 */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN);
}

export function machineInfo() {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    platform: `${platform()} ${arch()}`,
    node: process.versions.node,
  };
}

/** Median time of appending 4 KiB and fdatasync in that folder, milliseconds. */
export function fdatasyncMs(folder: string): number {
  const file = openSync(join(folder, 'fdatasync'), 'w');
  const block = Buffer.alloc(4096, 1);
  const times = Array.from({ length: 200 }, () => {
    const beganMs = performance.now();
    writeSync(file, block);
    fdatasyncSync(file);
    return performance.now() - beganMs;
  });
  closeSync(file);
  return percentile(times, 0.5);
}
