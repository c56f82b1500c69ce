/**
 * Folds the whole log into new ledgers (S10): the state of every actor must be what the mesh remembers, and everything
 * that actors said must be derived again, no more and no less (S1, S2). Owns: the comparison. Does not own: the folding,
 * which is the runtime's own rebuild; that rebuild is tried against the independent model of the other checks.
 */
import { ingress } from '../../../actors/ingress.ts';
import { createHost } from '../../../actors/runtime/host.ts';
import type { LoadedInstance } from '../../../actors/runtime/ledger/port.ts';
import { createMemoryBus } from '../../../bus/memory-bus.ts';
import type { Bus, LeaseStore, PublishRequest } from '../../../bus/port.ts';
import { canonicalJson, type MeshEvent } from '../../../schemas/events/envelope.ts';
import { Disk } from '../disk.ts';
import { trail } from '../host-ports.ts';
import type { Run } from '../simulate.ts';
import { contentOf } from './tasks.ts';

const LIMIT_MS = 20_000;
/** Said by hosts about effects and timers, not by actors: the log is the only one who knows them. */
const settlement = /\.(effect\.started|effect\.finished|timer\.fired|hop\.progress)\.v1$/;

const freeLeases: LeaseStore = {
  ttlMs: 1_000_000,
  claim: async () => ({ granted: true, fence: 1 }),
  confirm: async () => false,
  release: async () => undefined,
  beat: async () => true,
};

export async function checkFold(run: Run): Promise<void> {
  const { catalog, plan, report } = run;
  // A log that lost its end was continued in another order than the one in which things happened first.
  const comparable = !plan.fired.has('broker-truncated') && !plan.fired.has('broker-wiped');
  if (!comparable) return;
  const said = new Map<string, Set<string>>();
  for (const service of catalog.services.keys()) {
    const disk = await fold(run, service);
    if (!disk || report.failed) return;
    compareStates(run, service, disk);
    for (const { row } of disk.tables.outbox.values()) {
      if (row.subject.startsWith('mesh.quarantine.')) continue;
      const words = said.get(row.eventId) ?? new Set();
      said.set(row.eventId, words.add(contentOf(JSON.parse(row.body) as MeshEvent)));
    }
  }
  compareWords(run, said);
}

/** A host over an empty disk that may read everything and send nothing. */
async function fold(run: Run, service: string): Promise<Disk | null> {
  const { scheduler, report, log, catalog } = run;
  const disk = new Disk(scheduler, { writeMs: () => 0, syncMs: () => 0, refuses: () => false });
  const inner = createMemoryBus(log);
  const held = wordsIn(run);
  const bus = readOnly(inner, (request) => {
    if (held.has(wordOf(request))) return;
    report.violation('S10', `a rebuild of ${service} would send ${wordOf(request)}, which the log does not have`);
  });
  const nothing = () => undefined;
  const roles = catalog.services.get(service) ?? [];
  const asleep = roles.map((role) => ({
    ...role,
    effects: Object.fromEntries(
      Object.entries(role.effects).map(([src, handler]) => [
        src,
        { ...handler, run: () => new Promise(() => undefined) },
      ]),
    ),
  }));
  const host = createHost({
    name: 'fold',
    roles: asleep,
    ...(service === 'agents' ? { ingress } : {}),
    bus,
    ledger: disk.open(),
    clock: {
      now: () => Math.floor(scheduler.nowMs),
      after: (ms, callback) => scheduler.after(Math.max(1, ms), callback),
    },
    log: { debug: nothing, info: nothing, warn: nothing, error: nothing },
    onFatal: (error) => report.violation('S10', `a rebuild of ${service} fails: ${trail(error)}`),
  });
  let over = false;
  host
    .start()
    .then(() => host.stop())
    .then(
      () => {
        over = true;
      },
      (error: unknown) => report.violation('S10', `a rebuild of ${service} fails: ${trail(error)}`),
    );
  const done = await scheduler.run(() => over || report.failed, LIMIT_MS);
  if (!done) report.violation('S10', `a rebuild of ${service} does not end`);
  inner.disconnect();
  void inner.close();
  return over ? disk : null;
}

/** Leases for the asking, and nothing is ever sent. */
function readOnly(inner: Bus, onPublish: (request: PublishRequest) => void): Bus {
  return {
    ensureTopology: () => inner.ensureTopology(),
    streamInfo: (stream) => inner.streamInfo(stream),
    publish: async (request) => {
      onPublish(request);
      return { seq: 1, duplicate: true };
    },
    read: (request) => inner.read(request),
    readLast: (filter, stream) => inner.readLast(filter, stream),
    getLast: (subject, stream) => inner.getLast(subject, stream),
    get: (seq, stream) => inner.get(seq, stream),
    publishVolatile: () => undefined,
    subscribeVolatile: (subject, onMessage) => inner.subscribeVolatile(subject, onMessage),
    answerVolatile: (subject, answer) => inner.answerVolatile(subject, answer),
    askVolatile: (subject, body, until) => inner.askVolatile(subject, body, until),
    leases: freeLeases,
    kv: (bucket) => inner.kv(bucket),
    onConnection: (listener) => inner.onConnection(listener),
    serverVersion: inner.serverVersion,
    maxPayloadBytes: inner.maxPayloadBytes,
    close: () => inner.close(),
  };
}

/** What the log holds, by subject and content: a repetition that the server has swallowed counts as held. */
function wordsIn({ history }: Run): Set<string> {
  return new Set(history.now().map(({ event, message }) => `${message.subject} ${event ? contentOf(event) : ''}`));
}

function wordOf({ subject, body, msgId }: PublishRequest): string {
  return `${subject} ${typeof body === 'string' ? contentOf(JSON.parse(body) as MeshEvent) : msgId}`;
}

/** What of an instance follows from the log alone; how often an effect was tried does not. */
function stateOf({ stored, seen, effects, timers }: LoadedInstance): string {
  const { id: _id, updatedAtMs: _updated, snapshot, ...place } = stored;
  return canonicalJson({
    ...place,
    snapshot: JSON.parse(snapshot) as unknown,
    seen: Object.fromEntries(seen),
    effects: effects
      .map(({ effect, src, armedVersion, input, started }) => ({ effect, src, armedVersion, input, started }))
      .sort((a, b) => (a.effect < b.effect ? -1 : 1)),
    timers: [...timers].sort((a, b) => (a.timer < b.timer ? -1 : 1)),
  });
}

function compareStates(run: Run, service: string, folded: Disk): void {
  const { hosts, report } = run;
  const mine = hosts.filter((host) => host.service === service);
  const remembered = new Map<string, LoadedInstance>();
  for (const host of mine) {
    for (const instance of host.disk.tables.all()) {
      const key = `${instance.stored.role} ${instance.stored.correlationId}`;
      // Of two hosts that had the partition one after the other, the later one knows more.
      if ((remembered.get(key)?.seen.size ?? 0) < instance.seen.size) remembered.set(key, instance);
    }
  }
  for (const instance of folded.tables.all()) {
    const key = `${instance.stored.role} ${instance.stored.correlationId}`;
    const known = remembered.get(key);
    remembered.delete(key);
    const state = known ? stateOf(known) : 'nothing';
    if (state === stateOf(instance)) continue;
    report.violation('S10', `${key}: the log says ${stateOf(instance)}, the ledger ${state}`);
    return;
  }
  for (const key of remembered.keys()) report.violation('S10', `${key} is in a ledger, but not in the log`);
}

/** Every word of an actor that the log holds is derived from it again, and says the same. */
function compareWords({ history, report, catalog }: Run, said: ReadonlyMap<string, ReadonlySet<string>>): void {
  const speakers = new Set([...catalog.roles.map(({ name }) => name), 'ingress'].map((name) => `/mesh/${name}`));
  for (const { event, message } of history.now()) {
    if (!event || !speakers.has(event.source) || settlement.test(event.type) || message.header('sim-poison') !== '')
      continue;
    if (said.get(event.id)?.has(contentOf(event))) continue;
    const how = said.has(event.id) ? 'with other words' : 'not at all';
    report.violation('S1', `${event.type} ${event.id} at ${message.seq} is in the log, and is derived again ${how}`);
    return;
  }
}
