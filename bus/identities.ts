/**
 * Who may do what on the NATS server of the mesh: one identity for each process, with the subjects that it may publish to
 * and subscribe to. Owns: the table, as data. Does not own: keys (`cli/nats-keys.ts`), the form in which a server reads it
 * (`server-users.ts`), or connecting with it (`connection.ts`).
 *
 * 1. Subjects are allowed, never denied: what is not here is refused.
 * 2. Only who hosts the orchestrator writes facts; each host writes its own journal, and no service makes, changes or
 *    deletes a stream (the keeper makes them).
 * 3. Everybody listens for answers below a prefix of its own, so nobody reads another's.
 */
import {
  ASKED_FILTER,
  BELOW_INGRESS,
  CHECKPOINT_STREAM,
  checkpointFilter,
  DOORS_SUBJECT,
  endsFilter,
  FACT_FILTER,
  hostsSubject,
  INGRESS_SUBJECT,
  inboxFilter,
  JOURNAL_FILTER,
  JOURNAL_LANE,
  journalFilter,
  KEEPER_SUBJECT,
  PARTITIONS,
  PROGRESS_FILTER,
  QUARANTINE_FILTER,
  QUARANTINE_STREAM,
  quarantineSubject,
  RECALL_FILTER,
  STREAM,
  TOKEN_FILTER,
} from '../schemas/events/subjects.ts';
import { METRICS_SUBJECT, SPAN_FILTER } from '../schemas/events/telemetry.ts';
import {
  bucketOf,
  bucketStream,
  bucketSubject,
  LEASE_BUCKET,
  STREAMS,
  TELEMETRY_STREAM,
  TOOL_CATALOGUE_KEY,
} from './layout.ts';
import { keyToken } from './leases.ts';
import type { BucketName } from './port.ts';

export const identities = ['owner', 'keeper', 'agents', 'llm', 'tools', 'gateway', 'dashboard', 'public'] as const;

/**
 * `owner`: the person whose mesh it is, and their commands; may do everything. `keeper`: makes streams and buckets.
 * `public`: who may submit tasks, and nothing else. The others are services.
 */
export type Identity = (typeof identities)[number];

/** The identity of that name; of `owner` for a process that has none of its own. */
export function identityNamed(name: string): Identity {
  return identities.find((one) => one === name) ?? 'owner';
}

export interface Permissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

/** The shipped roles of each host (`actors/roles`); a test compares. Others are added by `mesh up`, which finds them. */
export const hostedRoles = {
  agents: ['coder', 'orchestrator', 'responder', 'retriever', 'reviewer'],
  llm: ['llm'],
  tools: ['tools'],
} as const satisfies Partial<Record<Identity, readonly string[]>>;
type HostName = keyof typeof hostedRoles;
type HostedRoles = Readonly<Record<HostName, readonly string[]>>;

/** A role that does not ship: from a user's own mesh, or from a folder added to `actors/roles`. */
export interface AddedRole {
  readonly name: string;
  /** The service that hosts it. */
  readonly service: string;
}
const hostNames: readonly HostName[] = ['agents', 'llm', 'tools'];

function withAdded(added: readonly AddedRole[]): HostedRoles {
  const names = (host: HostName) => added.flatMap(({ name, service }) => (service === host ? [name] : []));
  const all = hostNames.map((host) => [host, [...hostedRoles[host], ...names(host)]] as const);
  return { ...hostedRoles, ...Object.fromEntries(all) };
}

/** Keys of the registry that are no heartbeats: whoever tries the server, or wants to know its time, writes them. */
const TRIES = ['probe', 'clock'];
/** The one duty that gateways share by a lease (`gateway/a2a/push/duty.ts`). */
const PUSH_LEASE = 'push.0';
/** Of the mode and of the window that a crash opens (`telemetry/mode.ts`). */
const MODE_KEY = 'OBS_MODE';
const WINDOW_KEY = 'OBS_WINDOW';
const MODE_FILE_KEY = 'OBS_MODE_FILE';

/** Where answers of the server come for an identity: the prefix of its inboxes. */
export function inboxPrefix(identity: Identity): string {
  return `_INBOX.${identity}`;
}

/** Where answers of other processes come: they may publish there, and only who asked listens. */
export function answerPrefix(identity: Identity): string {
  return `_ANSWER.${identity}`;
}

/**
 * Null: everything is allowed.
 *
 * @param added roles beside those that ship
 */
export function permissionsOf(identity: Identity, added: readonly AddedRole[] = []): Permissions | null {
  const hosted = withAdded(added);
  switch (identity) {
    case 'owner':
      return null;
    case 'keeper':
      return joined(everybody(identity), service(identity), keeper);
    case 'agents':
      return joined(everybody(identity), service(identity), host(identity, hosted), orchestrator(hosted));
    case 'llm':
      return joined(everybody(identity), service(identity), host(identity, hosted), worker(identity, hosted));
    case 'tools':
      return joined(
        everybody(identity),
        service(identity),
        host(identity, hosted),
        worker(identity, hosted),
        catalogue,
      );
    case 'gateway':
      return joined(everybody(identity), service(identity), watcher, gateway);
    case 'dashboard':
      return joined(everybody(identity), service(identity), watcher, dashboard);
    case 'public':
      return { publish: [INGRESS_SUBJECT], subscribe: [`${inboxPrefix(identity)}.>`] };
  }
}

function joined(...parts: readonly Permissions[]): Permissions {
  const all = (side: keyof Permissions) => [...new Set(parts.flatMap((part) => part[side]))].sort();
  return { publish: all('publish'), subscribe: all('subscribe') };
}

/** Single messages of a stream. */
function gets(stream: string): string[] {
  return [`$JS.API.STREAM.INFO.${stream}`, `$JS.API.STREAM.MSG.GET.${stream}`];
}

/** A reader or a watch of a stream, of these subjects only: the name of the consumer is any, its filter is not. */
function reads(stream: string, ...filters: readonly string[]): string[] {
  return [
    ...gets(stream),
    ...filters.map((filter) => `$JS.API.CONSUMER.CREATE.${stream}.*.${filter}`),
    `$JS.API.CONSUMER.DELETE.${stream}.*`,
    `$JS.FC.${stream}.>`,
  ];
}

function watches(bucket: BucketName): string[] {
  const name = bucketOf(bucket);
  return reads(bucketStream(name), bucketSubject(name, '>'));
}

const entry = (bucket: BucketName, key: string): string => bucketSubject(bucketOf(bucket), key);
const lease = (key: string): string => bucketSubject(LEASE_BUCKET, `lease.${keyToken(key)}`);
/** A holder is named by its machine, which nobody knows here. */
const BEATS = bucketSubject(LEASE_BUCKET, 'beat.*');
const readsLeases = gets(bucketStream(LEASE_BUCKET));

function everybody(identity: Identity): Permissions {
  return {
    publish: ['$JS.API.INFO', '_ANSWER.>'],
    subscribe: [`${inboxPrefix(identity)}.>`, `${answerPrefix(identity)}.>`],
  };
}

const keeper: Permissions = {
  publish: [
    ...STREAMS.flatMap((stream) => [
      `$JS.API.STREAM.INFO.${stream}`,
      `$JS.API.STREAM.CREATE.${stream}`,
      `$JS.API.STREAM.UPDATE.${stream}`,
    ]),
    ...gets(bucketStream(bucketOf('registry'))),
    ...TRIES.map((key) => entry('registry', key)),
  ],
  subscribe: [KEEPER_SUBJECT],
};

/** What every service does: shows itself, follows settings, tells spans. */
function service(name: Identity): Permissions {
  const discovered = ['PING', 'INFO', 'STATS'].flatMap((verb) => [
    `$SRV.${verb}`,
    `$SRV.${verb}.mesh-${name}`,
    `$SRV.${verb}.mesh-${name}.*`,
  ]);
  return {
    publish: [
      KEEPER_SUBJECT,
      SPAN_FILTER,
      entry('registry', `${name}.*`),
      ...TRIES.map((key) => entry('registry', key)),
      ...gets(bucketStream(bucketOf('registry'))),
      ...watches('config'),
      entry('config', WINDOW_KEY),
      // Asked whether the topology is there, when nobody answers for it.
      ...STREAMS.map((stream) => `$JS.API.STREAM.INFO.${stream}`),
    ],
    subscribe: [METRICS_SUBJECT, ...discovered],
  };
}

/** Who hosts roles: a journal, checkpoints and leases of its own, inboxes of its roles. */
function host(name: HostName, hosted: HostedRoles): Permissions {
  const roles = hosted[name];
  const journal = journalFilter(name);
  const checkpoints = checkpointFilter(name);
  return {
    publish: [
      ...[journal, checkpoints, endsFilter(name)],
      ...[...roles, JOURNAL_LANE].map(quarantineSubject),
      ...reads(STREAM, journal, ...roles.map((role) => inboxFilter(role))),
      ...reads(CHECKPOINT_STREAM, checkpoints, endsFilter(name)),
      `$JS.API.STREAM.PURGE.${CHECKPOINT_STREAM}`,
      ...gets(QUARANTINE_STREAM),
      ...Array.from({ length: PARTITIONS }, (_, partition) => lease(`${name}.${partition}`)),
      BEATS,
      ...readsLeases,
      ASKED_FILTER,
      TOKEN_FILTER,
      hostsSubject(name),
    ],
    subscribe: [ASKED_FILTER, hostsSubject(name)],
  };
}

const otherRoles = (name: HostName, hosted: HostedRoles): string[] =>
  Object.entries(hosted).flatMap(([other, roles]) => (other === name ? [] : roles.map((role) => inboxFilter(role))));

/** The host of the orchestrator alone takes what comes from outside, tells facts, and removes what is due. */
const orchestrator = (hosted: HostedRoles): Permissions => ({
  publish: [
    ...otherRoles('agents', hosted),
    FACT_FILTER,
    ...['ingress', 'doors'].map(quarantineSubject),
    ...reads(STREAM, INGRESS_SUBJECT, BELOW_INGRESS, FACT_FILTER),
    `$JS.API.STREAM.MSG.DELETE.${STREAM}`,
    entry('removed', '*'),
    ...watches('removed'),
    ...watches('registry'),
  ],
  subscribe: [RECALL_FILTER, PROGRESS_FILTER],
});

/** Hosts that do what roles elsewhere ask for, and answer them; a tool is chosen by asking the llm role. */
const worker = (name: HostName, hosted: HostedRoles): Permissions => ({
  publish: [...otherRoles(name, hosted), PROGRESS_FILTER],
  subscribe: [],
});

const catalogue: Permissions = { publish: [entry('registry', TOOL_CATALOGUE_KEY)], subscribe: [] };

/** Doors that show tasks, all of them. */
const watcher: Permissions = {
  publish: [
    DOORS_SUBJECT,
    ...reads(STREAM, FACT_FILTER, inboxFilter()),
    ...reads(QUARANTINE_STREAM, QUARANTINE_FILTER),
    ...watches('removed'),
    ...watches('registry'),
    RECALL_FILTER,
  ],
  subscribe: [TOKEN_FILTER],
};

const gateway: Permissions = {
  publish: [
    // Messages of callers to a role, which the orchestrator relays.
    inboxFilter('orchestrator'),
    entry('push', '>'),
    ...watches('push'),
    entry('config', MODE_KEY),
    entry('config', MODE_FILE_KEY),
    lease(PUSH_LEASE),
    BEATS,
    ...readsLeases,
    METRICS_SUBJECT,
  ],
  subscribe: [],
};

const dashboard: Permissions = {
  publish: [
    ...reads(STREAM, JOURNAL_FILTER, INGRESS_SUBJECT),
    ...reads(TELEMETRY_STREAM, SPAN_FILTER),
    // A person sends again from there what was set aside.
    ...[INGRESS_SUBJECT, BELOW_INGRESS, inboxFilter()],
  ],
  subscribe: [],
};
