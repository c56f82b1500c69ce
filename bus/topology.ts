/**
 * Making the streams and buckets of the mesh. Owns: their limits and the reason of each, and creating or updating them.
 * Does not own: their names and subjects (`layout.ts`), or what is written there.
 *
 * Invariants:
 * 1. Making the topology twice, or from many processes at once, ends in the same streams.
 * 2. What an operator set beyond the fields below (replicas, placement) is kept, and so is the age of the log and of the
 *    quarantine (`mesh retention`): what is said here is for new ones.
 *    Replicas are added, never taken.
 * 3. Nothing is made or changed when the log is of another format (`log-format.ts`).
 */
import type { JetStreamManager, StreamConfig, StreamInfo } from '@nats-io/jetstream';
import {
  DiscardPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  jetstream,
  RetentionPolicy,
  StorageType,
  StoreCompression,
} from '@nats-io/jetstream';
import type { KvOptions } from '@nats-io/kv';
import { Kvm } from '@nats-io/kv';
import type { NatsConnection } from 'nats';
import { nanos } from 'nats';
import { CHECKPOINT_STREAM, QUARANTINE_STREAM, STREAM } from '../schemas/events/subjects.ts';
import {
  bucketOf,
  bucketStream,
  DESCRIPTIONS,
  DUPLICATE_WINDOW_MS,
  LEASE_BUCKET,
  LOG_DESCRIPTION,
  STREAM_SUBJECTS,
  STREAMS,
  TELEMETRY_STREAM,
} from './layout.ts';
import { assertReadable, formatOf } from './log-format.ts';
import { STREAMS_COMPRESSED_FROM } from './packed-body.ts';
import { isAtLeast } from './server-version.ts';

const DAY_MS = 24 * 60 * 60_000;

/** A host that was away for a long weekend still finds everything it has to fold. */
const LOG_MAX_AGE_MS = 7 * DAY_MS;
/** A checkpoint outlives the journal it stands for; whoever writes a newer one purges it. */
const CHECKPOINT_MAX_AGE_MS = 0;
/** What was set aside is looked at by people, who take longer than machines. */
const QUARANTINE_MAX_AGE_MS = 30 * DAY_MS;
/** Spans are for looking at what just happened. */
const TELEMETRY_MAX_AGE_MS = DAY_MS;
/** About half a million spans; beyond it the oldest go. */
const TELEMETRY_MAX_BYTES = 256 * 1024 * 1024;
/** Services that have been silent for a day are forgotten; until then they show as gone. */
const REGISTRY_TTL_MS = DAY_MS;
/** A task that has left the log has nothing more to tell. */
const PUSH_TTL_MS = LOG_MAX_AGE_MS;
/** So that `nats kv history` shows what a setting was before. */
const CONFIG_HISTORY = 10;

/** What grows, and is mostly text. */
const COMPRESSED: ReadonlySet<string> = new Set([STREAM, CHECKPOINT_STREAM]);

/** Their age is the operator's once they are made. */
const AGE_IS_SET: ReadonlySet<string> = new Set([STREAM, QUARANTINE_STREAM]);

type OwnedConfig = Pick<StreamConfig, 'name' | 'subjects' | 'max_age' | 'duplicate_window' | 'allow_direct'> &
  Partial<Pick<StreamConfig, 'max_bytes' | 'description'>> &
  Denied;

/**
 * What nobody does to a stream, not even its owner. A server before 2.12 takes the acknowledgement of a message for an
 * order, when the sender names `$JS.API.STREAM.PURGE.…` as the subject of the reply: whoever may publish could empty any
 * stream, whatever else they may not.
 */
type Denied = Pick<StreamConfig, 'deny_purge' | 'deny_delete'>;
/** An entry is taken back by another one (`nats kv del`); a roll-up would be a purge. */
const BUCKET_DENIED = { deny_purge: true, deny_delete: true, allow_rollup_hdrs: false };

/** Fields that every supported server (2.9.10 on) understands; `allow_direct` is one of them. */
function ownedConfigs(): OwnedConfig[] {
  const window = { duplicate_window: nanos(DUPLICATE_WINDOW_MS), allow_direct: true };
  const subjects = (name: string) => [...(STREAM_SUBJECTS[name] ?? [])];
  return [
    {
      name: STREAM,
      description: LOG_DESCRIPTION,
      subjects: subjects(STREAM),
      max_age: nanos(LOG_MAX_AGE_MS),
      // Facts of a removed task are deleted one by one.
      ...{ deny_purge: true, deny_delete: false },
      ...window,
    },
    {
      name: CHECKPOINT_STREAM,
      description: DESCRIPTIONS[CHECKPOINT_STREAM],
      subjects: subjects(CHECKPOINT_STREAM),
      max_age: nanos(CHECKPOINT_MAX_AGE_MS),
      // Whoever writes a newer one purges the older ones.
      ...{ deny_purge: false, deny_delete: true },
      ...window,
    },
    {
      name: QUARANTINE_STREAM,
      description: DESCRIPTIONS[QUARANTINE_STREAM],
      subjects: subjects(QUARANTINE_STREAM),
      max_age: nanos(QUARANTINE_MAX_AGE_MS),
      ...{ deny_purge: true, deny_delete: true },
      ...window,
    },
    {
      name: TELEMETRY_STREAM,
      description: DESCRIPTIONS[TELEMETRY_STREAM],
      subjects: subjects(TELEMETRY_STREAM),
      max_age: nanos(TELEMETRY_MAX_AGE_MS),
      max_bytes: TELEMETRY_MAX_BYTES,
      ...{ deny_purge: true, deny_delete: true },
      ...window,
    },
  ];
}

function isApiError(thrown: unknown, code: number): boolean {
  return thrown instanceof JetStreamApiError && thrown.code === code;
}

/**
 * What the server says to all but the first of those who make a stream at the same moment: "stream name already in use
 * with a different configuration", or, when the other one came between its two looks (nats-server 2.9, `addStream`),
 * "subjects overlap with an existing stream", which is this very stream.
 */
const MADE_MEANWHILE: ReadonlySet<number> = new Set([10058, 10065]);

function isMadeMeanwhile(thrown: unknown): boolean {
  return thrown instanceof JetStreamApiError && MADE_MEANWHILE.has(thrown.code);
}

async function existing(jsm: JetStreamManager, name: string): Promise<StreamInfo | null> {
  try {
    return await jsm.streams.info(name);
  } catch (thrown) {
    if (isApiError(thrown, JetStreamApiCodes.StreamNotFound)) return null;
    throw thrown;
  }
}

/** The stream that somebody else made at the same moment, or what the server said of ours. */
async function joined(jsm: JetStreamManager, name: string, thrown: unknown): Promise<StreamInfo> {
  const info = isMadeMeanwhile(thrown) ? await existing(jsm, name) : null;
  if (info === null) throw thrown;
  return info;
}

/** Makes the stream, or joins it. Only a store that is made compressed compresses at once. */
async function addOrJoin(
  jsm: JetStreamManager,
  config: OwnedConfig,
  replicas: number,
  compression?: StoreCompression,
): Promise<StreamInfo> {
  try {
    return await jsm.streams.add({
      ...config,
      num_replicas: replicas,
      ...(compression === undefined ? {} : { compression }),
      storage: StorageType.File,
      retention: RetentionPolicy.Limits,
      discard: DiscardPolicy.Old,
    });
  } catch (thrown) {
    const unknownField = compression !== undefined && !isMadeMeanwhile(thrown);
    if (unknownField && thrown instanceof JetStreamApiError) return addOrJoin(jsm, config, replicas);
    return joined(jsm, config.name, thrown);
  }
}

/** What names the format of the log has to be there; other words of an operator's stay. */
function wantsDescription(present: Pick<StreamConfig, 'description'>, description: string | undefined): boolean {
  if (description === undefined || present.description === description) return false;
  return formatOf(description) !== null || (present.description ?? '') === '';
}

function differs(present: StreamConfig, owned: OwnedConfig): boolean {
  const sameSubjects =
    present.subjects?.length === owned.subjects?.length &&
    owned.subjects?.every((subject) => present.subjects?.includes(subject));
  return (
    !sameSubjects ||
    (present.max_age !== owned.max_age && !AGE_IS_SET.has(owned.name)) ||
    present.duplicate_window !== owned.duplicate_window ||
    present.allow_direct !== owned.allow_direct ||
    deniesLess(present, owned) ||
    (owned.max_bytes !== undefined && present.max_bytes !== owned.max_bytes) ||
    wantsDescription(present, owned.description)
  );
}

/** What is denied once stays denied: the server takes nothing of it back. */
function deniesLess(present: Denied, wanted: Denied): boolean {
  return (wanted.deny_purge && !present.deny_purge) || (wanted.deny_delete && !present.deny_delete);
}

function allDenied(present: Denied, wanted: Denied): Denied {
  return {
    deny_purge: present.deny_purge || wanted.deny_purge,
    deny_delete: present.deny_delete || wanted.deny_delete,
  };
}

function kept({ description = '' }: StreamConfig, owned: OwnedConfig): Pick<StreamConfig, 'description'> | object {
  return description === '' || formatOf(owned.description) !== null ? {} : { description };
}

/**
 * A stream that is there and not compressed: the server compresses what it stores after its next start. What it does not
 * take, it stores as before; that is no reason not to start.
 */
async function compress(jsm: JetStreamManager, config: StreamConfig): Promise<void> {
  try {
    await jsm.streams.update(config.name, { ...config, compression: StoreCompression.S2 });
  } catch (thrown) {
    if (!(thrown instanceof JetStreamApiError)) throw thrown;
  }
}

async function ensureStream(jsm: JetStreamManager, wanted: WantedStream, replicas: number): Promise<void> {
  const { owned, present, compression } = wanted;
  const info = present ?? (await addOrJoin(jsm, owned, replicas, compression));
  // Somebody else may have made it since.
  assertReadable(owned, info);
  const age = AGE_IS_SET.has(owned.name) ? { max_age: info.config.max_age } : {};
  const num_replicas = Math.max(replicas, info.config.num_replicas);
  const { config } =
    differs(info.config, owned) || num_replicas !== info.config.num_replicas
      ? await jsm.streams.update(owned.name, {
          ...{ ...info.config, ...owned, ...kept(info.config, owned), ...allDenied(info.config, owned), ...age },
          num_replicas,
        })
      : info;
  if (compression !== undefined && config.compression !== compression) await compress(jsm, config);
}

interface WantedStream {
  readonly owned: OwnedConfig;
  readonly present: StreamInfo | null;
  readonly compression: StoreCompression | undefined;
}

async function ensureStreams(jsm: JetStreamManager, serverVersion: string, replicas: number): Promise<void> {
  const compresses = isAtLeast(serverVersion, STREAMS_COMPRESSED_FROM);
  const wanted = await Promise.all(
    ownedConfigs().map(
      async (owned): Promise<WantedStream> => ({
        owned,
        present: await existing(jsm, owned.name),
        compression: compresses && COMPRESSED.has(owned.name) ? StoreCompression.S2 : undefined,
      }),
    ),
  );
  for (const { owned, present } of wanted) if (present !== null) assertReadable(owned, present);
  await Promise.all(wanted.map((stream) => ensureStream(jsm, stream, replicas)));
}

/** Leases have no time to live: a forgotten lease would start its fences anew. */
async function ensureBuckets(nc: NatsConnection, jsm: JetStreamManager, replicas: number): Promise<void> {
  const kvm = new Kvm(jetstream(nc));
  const make = async (bucket: string, options: Partial<KvOptions>): Promise<StreamInfo> => {
    const name = bucketStream(bucket);
    try {
      await kvm.create(bucket, options);
      return await jsm.streams.info(name);
    } catch (thrown) {
      return joined(jsm, name, thrown);
    }
  };
  const ensure = async (bucket: string, description: string, limits: { history: number; ttl?: number }) => {
    const name = bucketStream(bucket);
    const found = await existing(jsm, name);
    const { config } = found ?? (await make(bucket, { ...limits, description, replicas }));
    const named = wantsDescription(config, description) ? { description } : {};
    const copied = config.num_replicas < replicas ? { num_replicas: replicas } : {};
    const denied = deniesLess(config, BUCKET_DENIED) ? BUCKET_DENIED : {};
    const changes = { ...named, ...copied, ...denied };
    if (Object.keys(changes).length > 0) await jsm.streams.update(config.name, { ...config, ...changes });
  };
  await Promise.all([
    ensure(bucketOf('config'), DESCRIPTIONS.config, { history: CONFIG_HISTORY }),
    ensure(bucketOf('registry'), DESCRIPTIONS.registry, { history: 1, ttl: REGISTRY_TTL_MS }),
    ensure(bucketOf('push'), DESCRIPTIONS.push, { history: 1, ttl: PUSH_TTL_MS }),
    ensure(bucketOf('removed'), DESCRIPTIONS.removed, { history: 1 }),
    ensure(LEASE_BUCKET, DESCRIPTIONS.leases, { history: 1 }),
  ]);
}

/** Names of the streams, those of buckets too, that are not there. */
export async function missingStreams(jsm: JetStreamManager): Promise<string[]> {
  const found = await Promise.all(STREAMS.map(async (name) => ({ name, info: await existing(jsm, name) })));
  return found.flatMap(({ name, info }) => (info === null ? [name] : []));
}

/**
 * The streams first: a log that is refused leaves no bucket behind.
 * @param replicas how many servers of a cluster keep a copy, at least
 */
export async function ensureTopology(nc: NatsConnection, jsm: JetStreamManager, replicas = 1): Promise<void> {
  await ensureStreams(jsm, nc.info?.version ?? '', replicas);
  await ensureBuckets(nc, jsm, replicas);
}
