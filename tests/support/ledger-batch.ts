/**
 * Batches for tests of ledgers. Owns: making rows that differ in what a test names, and reading bodies as text.
 */
import type { EndedTask, LedgerBatch, StoredRecord } from '../../actors/runtime/ledger/port.ts';

export function batch(parts: Partial<LedgerBatch>): LedgerBatch {
  return { records: [], logged: [], checkpoints: [], begun: [], meta: [], ...parts };
}

export function record(partition: number, n: number, body = `[{"n":${n}}]`): StoredRecord {
  return { partition, n, body: Buffer.from(body) };
}

export function taskId(number: number): string {
  return `${String(number).repeat(8)}-0000-4000-8000-00000000000${number}`;
}

export function endedTask(number: number, firstN: number, lastN: number): EndedTask {
  const seen = { [`event-${number}`]: 'a'.repeat(32), [`event-${number}-${lastN}`]: 'b'.repeat(32) };
  return { task: taskId(number), firstN, lastN, atMs: 1_767_225_600_000 + number, seen };
}

export function text(body: Uint8Array | undefined): string | undefined {
  return body && Buffer.from(body).toString('utf8');
}
