/**
 * Where things lie on the server. Owns: the names of streams and buckets, which subjects each stream stores, and what a
 * key of a bucket may look like. Does not own: limits and making them (`topology.ts`), or the names of subjects
 * (`schemas/events/subjects.ts`).
 */

import {
  BELOW_INGRESS,
  CHECKPOINT_FILTER,
  CHECKPOINT_STREAM,
  endsFilter,
  FACT_FILTER,
  INGRESS_SUBJECT,
  inboxFilter,
  JOURNAL_FILTER,
  QUARANTINE_STREAM,
  QUARANTINE_SUBJECTS,
  STREAM,
} from '../schemas/events/subjects.ts';
import { TELEMETRY_SUBJECTS } from '../schemas/events/telemetry.ts';
import type { BucketName, StreamName } from './port.ts';
import { BusError } from './port.ts';
import { matchesFilter } from './subject-filter.ts';

export const TELEMETRY_STREAM = 'MESH_TELEMETRY';
export const LEASE_BUCKET = 'mesh-leases';

const MINUTE_MS = 60_000;
/** Covers an outbox that publishes again after a crash, a restart of the server included; S5 covers what is later. */
export const DUPLICATE_WINDOW_MS = 10 * MINUTE_MS;

/** Another number when what an earlier release wrote into the log can't be read any more. */
export const LOG_FORMAT = 2;
/** Description of the streams that hold the log; what it says is what `log-format.ts` goes by. */
export const LOG_DESCRIPTION = `Agent Mesh log, format ${LOG_FORMAT}`;

/** What each stream and bucket holds, for whoever lists them. */
export const DESCRIPTIONS = {
  [CHECKPOINT_STREAM]: `Checkpoints of the journals of the ${LOG_DESCRIPTION}`,
  [QUARANTINE_STREAM]: 'Agent Mesh: messages that could not be accepted, with the reason in their headers',
  [TELEMETRY_STREAM]: 'Agent Mesh: spans of the last day',
  config: 'Agent Mesh: settings that take effect live',
  registry: 'Agent Mesh: heartbeats of its services, and the tools they offer',
  push: 'Agent Mesh: where A2A push notifications go',
  removed: 'Agent Mesh: tasks whose trail was removed; their ids stay taken',
  leases: 'Agent Mesh: who has which partition of the tasks',
} as const;

export const STREAM_SUBJECTS: Readonly<Record<string, readonly string[]>> = {
  [STREAM]: [INGRESS_SUBJECT, BELOW_INGRESS, inboxFilter(), FACT_FILTER, JOURNAL_FILTER],
  [CHECKPOINT_STREAM]: [CHECKPOINT_FILTER, endsFilter()],
  [QUARANTINE_STREAM]: [QUARANTINE_SUBJECTS],
  [TELEMETRY_STREAM]: [TELEMETRY_SUBJECTS],
};

const STREAM_NAMES: Readonly<Record<StreamName, string>> = {
  log: STREAM,
  quarantine: QUARANTINE_STREAM,
  checkpoints: CHECKPOINT_STREAM,
  telemetry: TELEMETRY_STREAM,
};

export function streamOf(name: StreamName = 'log'): string {
  return STREAM_NAMES[name];
}

/** The stream that stores what is published to a literal subject, or null when none does. */
export function streamStoring(subject: string): string | null {
  for (const [stream, filters] of Object.entries(STREAM_SUBJECTS)) {
    if (filters.some((filter) => matchesFilter(filter, subject))) return stream;
  }
  return null;
}

export function bucketOf(name: BucketName): string {
  return `mesh-${name}`;
}

/** Name of the stream behind a bucket. */
export function bucketStream(bucket: string): string {
  return `KV_${bucket}`;
}

/** The key of the bucket `registry` that says which tools there are; all others there are heartbeats, or tries of the server. */
export const TOOL_CATALOGUE_KEY = 'catalogue.tools';

const BUCKETS: readonly BucketName[] = ['config', 'registry', 'push', 'removed'];

/** Every stream there is, those behind buckets too. */
export const STREAMS: readonly string[] = [
  ...Object.keys(STREAM_SUBJECTS),
  ...[...BUCKETS.map(bucketOf), LEASE_BUCKET].map(bucketStream),
];

/** Subject of a key, or with `>` the filter of all keys. */
export function bucketSubject(bucket: string, key: string): string {
  return `$KV.${bucket}.${key}`;
}

const KEY = /^[-/_=.a-zA-Z0-9]+$/;

/** A key is part of a subject: wildcards, spaces and empty tokens are refused before they reach the server. */
export function assertKey(key: string): string {
  const valid = KEY.test(key) && !key.startsWith('.') && !key.endsWith('.') && !key.includes('..');
  if (!valid) throw new BusError('refused', `not a key of a bucket: ${JSON.stringify(key.slice(0, 80))}`);
  return key;
}
