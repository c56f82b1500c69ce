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
  Partial<Pick<StreamConfig, 'max_bytes' | 'description'>>;

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
      ...window,
    },
    {
      name: CHECKPOINT_STREAM,
      description: DESCRIPTIONS[CHECKPOINT_STREAM],
      subjects: subjects(CHECKPOINT_STREAM),
      max_age: nanos(CHECKPOINT_MAX_AGE_MS),
      ...window,
    },
    {
      name: QUARANTINE_STREAM,
      description: DESCRIPTIONS[QUARANTINE_STREAM],
      subjects: subjects(QUARANTINE_STREAM),
      max_age: nanos(QUARANTINE_MAX_AGE_MS),
      ...window,
    },
    {
      name: TELEMETRY_STREAM,
      description: DESCRIPTIONS[TELEMETRY_STREAM],
      subjects: subjects(TELEMETRY_STREAM),
      max_age: nanos(TELEMETRY_MAX_AGE_MS),
      max_bytes: TELEMETRY_MAX_BYTES,
      ...window,
    },
  ];
}

function isApiError(thrown: unknown, code: number): boolean {
  return thrown instanceof JetStreamApiError && thrown.code === code;
}

/** "stream name already in use with a different configuration": someone else was faster. */
const STREAM_NAME_IN_USE = 10058;

async function existing(jsm: JetStreamManager, name: string): Promise<StreamInfo | null> {
  try {
    return await jsm.streams.info(name);
  } catch (thrown) {
    if (isApiError(thrown, JetStreamApiCodes.StreamNotFound)) return null;
    throw thrown;
  }
}

/** Makes the stream, or finds that somebody else was faster. Only a store that is made compressed compresses at once. */
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
    if (isApiError(thrown, STREAM_NAME_IN_USE)) return jsm.streams.info(config.name);
    if (compression !== undefined && thrown instanceof JetStreamApiError) return addOrJoin(jsm, config, replicas);
    throw thrown;
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
    (owned.max_bytes !== undefined && present.max_bytes !== owned.max_bytes) ||
    wantsDescription(present, owned.description)
  );
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
          ...{ ...info.config, ...owned, ...kept(info.config, owned), ...age },
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
  const ensure = async (bucket: string, description: string, limits: { history: number; ttl?: number }) => {
    await kvm.create(bucket, { ...limits, description, replicas });
    // The client leaves a bucket that is there as it is.
    const { config } = await jsm.streams.info(bucketStream(bucket));
    const named = wantsDescription(config, description) ? { description } : {};
    const copied = config.num_replicas < replicas ? { num_replicas: replicas } : {};
    const changes = { ...named, ...copied };
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

/**
 * The streams first: a log that is refused leaves no bucket behind.
 * @param replicas how many servers of a cluster keep a copy, at least
 */
export async function ensureTopology(nc: NatsConnection, jsm: JetStreamManager, replicas = 1): Promise<void> {
  await ensureStreams(jsm, nc.info?.version ?? '', replicas);
  await ensureBuckets(nc, jsm, replicas);
}
