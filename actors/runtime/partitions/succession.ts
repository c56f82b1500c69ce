/**
 * Who opens a partition first in a log that has lost its journals. Owns: telling the other hosts of the service how far
 * this ledger reaches, remembering who they are, and leaving a partition to whoever has more of it. Does not own: leases
 * (`ownership.ts`), or making the stores agree (`recovery.ts`).
 *
 * While the log stands it does not matter who opens a partition: what was told is in the log. In a log that was made anew
 * the first one gives it what its own ledger has, and of whoever comes later with more, the rest would be set aside.
 * So a host that knows others waits, for a limited time, until they have said what they have; and who hears that another
 * one has found its log lost leaves what that one has more of, as if it had known it.
 *
 * Invariants:
 * 1. A host that knows of no other waits for nobody.
 * 2. Meanwhile who has the most of a partition takes it, whatever its share (`sharing.ts`): left free, it would fall to one
 *    that has nothing of it.
 * 3. Nothing is left to another host for longer than the limit: one that does not come is not waited for.
 */
import type { Bus } from '../../../bus/port.ts';
import { endsFilter, endsSubject, partitionNumbers } from '../../../schemas/events/subjects.ts';
import type { Ledger } from '../ledger/port.ts';
import type { RuntimeLimits } from '../limits.ts';
import type { Clock, RuntimeLog } from '../ports.ts';
import type { Memory, Witness } from '../recovery/witness.ts';

/** Key of what the ledger remembers. */
const META_KEY = 'hosts';

/** Of the other hosts and of the log that they were met in: a standby has no records that would tell. */
interface Remembered {
  readonly log: string;
  /** The furthest message that was met, as `<seq>@<time>`. */
  readonly tail: string;
  readonly hosts: readonly string[];
}

export interface Succession {
  /** Tells what this host has, and waits for the others where that may matter. @throws BusError */
  start(logLost: boolean): Promise<void>;
  /** False while the partition is left to a host that has more of it. */
  mayClaim(partition: number): boolean;
  /** True while the log may lack what this host has of the partition, and nobody has more. */
  mustClaim(partition: number): boolean;
  /** What the ledger remembers of the log beside its records; null when nothing. */
  readonly memory: Pick<Memory, 'log' | 'tail'> | null;
  /** To be called now and then: more of the log was met. */
  look(): void;
  stop(): void;
}

/** How far a ledger reaches in a partition. */
interface End {
  /** The last record that the log is known to have had. */
  readonly logged: number;
  readonly last: number;
}

interface Told {
  readonly host: string;
  /** Identity of the log. */
  readonly log: string;
  /** The teller has found that the log has lost something, and waits for what others say after this. */
  readonly asks: boolean;
  readonly ends: readonly End[];
}

export function createSuccession(options: {
  readonly service: string;
  readonly name: string;
  readonly process: string;
  readonly bus: Bus;
  readonly ledger: Pick<Ledger, 'lastRecord' | 'record' | 'meta'>;
  readonly clock: Clock;
  readonly log: RuntimeLog;
  readonly limits: RuntimeLimits;
  readonly witness: Pick<Witness, 'stream' | 'tail'>;
  /** Into the ledger, with the next commit. */
  readonly remember: (key: string, value: string) => void;
}): Succession {
  const { service, name, bus, ledger, clock, log, limits, witness } = options;
  const memory = JSON.parse(ledger.meta(META_KEY) ?? 'null') as Remembered | null;
  const known = new Set<string>(memory?.hosts);
  let remembered = '';
  /** What others have in this log, by name. */
  const others = new Map<string, readonly End[]>();
  const ownEnds = (): End[] => partitionNumbers.map((partition) => endOf(ledger, partition));
  /** At the start, or when another host asked. */
  let mine = ownEnds();
  /** Where in the stream this process told first: what was told before may be older than the loss. */
  let toldSeq: number | null = null;
  const early: { readonly told: Told; readonly seq: number }[] = [];
  let tellings = 0;
  let leftUntilMs = 0;
  let heard = (): void => undefined;
  let stopReader = async (): Promise<void> => undefined;
  let stopped = false;

  const remember = (): void => {
    const { stream, tail } = witness;
    const text = JSON.stringify({ log: stream.identity, tail, hosts: [...known] } satisfies Remembered);
    if (text !== remembered) options.remember(META_KEY, text);
    remembered = text;
  };
  const leaveForAWhile = (): void => {
    leftUntilMs = clock.elapsed() + limits.otherHostsMs;
  };
  const tell = async (asks: boolean, ends: readonly End[]): Promise<number> => {
    const subject = endsSubject(service, name);
    const told: Told = { host: name, log: witness.stream.identity, asks, ends };
    const msgId = `ends.${options.process}.${tellings++}`;
    const { seq } = await bus.publish({ subject, body: JSON.stringify(told), msgId });
    await bus.purge(subject, seq, 'checkpoints');
    return seq;
  };
  const answer = (): void => {
    mine = ownEnds();
    leaveForAWhile();
    tell(false, mine).catch((error: unknown) =>
      log.warn({ error: String(error) }, 'what this host has could not be told; others wait for it until their limit'),
    );
  };
  const hear = (told: Told, seq: number): void => {
    const { host, asks, ends } = told;
    if (host === name || told.log !== witness.stream.identity) return;
    if (!known.has(host)) {
      known.add(host);
      remember();
    }
    if (toldSeq === null) early.push({ told, seq });
    if (toldSeq === null || seq < toldSeq) return;
    others.set(host, ends);
    if (asks) answer();
    heard();
  };
  const listen = async (): Promise<void> => {
    const reader = await bus.read({
      ...{ stream: 'checkpoints', filter: endsFilter(service), fromSeq: 1 },
      onMessage: ({ data, seq }) => hear(JSON.parse(Buffer.from(data).toString('utf8')) as Told, seq),
    });
    stopReader = () => reader.stop();
    if (stopped) await reader.stop();
    await reader.caughtUp;
  };
  const hasMost = (partition: number): boolean => {
    const own = mine[partition];
    return own === undefined || ![...others.values()].some((ends) => isFurther(ends[partition], own));
  };
  const missing = (): string[] => [...known].filter((host) => !others.has(host));
  const waitForOthers = (): Promise<void> =>
    new Promise((resolve) => {
      const cancel = clock.after(limits.otherHostsMs, resolve);
      heard = () => {
        if (missing().length > 0) return;
        cancel();
        resolve();
      };
      heard();
    });

  return {
    async start(logLost) {
      await listen();
      toldSeq = await tell(logLost, mine);
      for (const { told, seq } of early.splice(0)) hear(told, seq);
      if (!logLost || known.size === 0 || stopped) return;
      if (missing().length > 0)
        log.info({ hosts: missing() }, 'the log has lost something: waiting for what others have');
      await waitForOthers();
      heard = () => undefined;
      leaveForAWhile();
    },
    memory,
    look: remember,
    mayClaim: (partition) => clock.elapsed() >= leftUntilMs || hasMost(partition),
    mustClaim: (partition) => clock.elapsed() < leftUntilMs && (mine[partition]?.last ?? 0) > 0 && hasMost(partition),
    stop() {
      stopped = true;
      stopReader().catch((error: unknown) => log.debug({ error: String(error) }, 'a reader was not stopped in order'));
    },
  };
}

/** What the log had counts: an end that it never took is a host's that had lost the partition. */
function isFurther(other: End | undefined, own: End): boolean {
  if (other === undefined) return false;
  return other.logged > own.logged || (other.logged === own.logged && other.last > own.last);
}

function endOf(ledger: Pick<Ledger, 'lastRecord' | 'record'>, partition: number): End {
  const last = ledger.lastRecord(partition);
  for (let n = last?.n ?? 0; n > 0; n -= 1) {
    const record = ledger.record(partition, n);
    if (record === null) break;
    if (record.seq !== null) return { logged: n, last: last?.n ?? 0 };
  }
  return { logged: 0, last: last?.n ?? 0 };
}
