/**
 * From the log to the inputs of partitions. Owns: which lanes a host reads and from where, for which partition a message
 * is, and reading no more while too much waits for the log. Does not own: the readers (`lanes.ts`), what a message is
 * (`receiver.ts`), or what is done with it (`inputs.ts`).
 */
import type { StoredMessage } from '../../../bus/port.ts';
import { inboxFilter } from '../../../schemas/events/subjects.ts';
import type { HostContext } from '../host-context.ts';
import type { Partitions } from '../partitions/partitions.ts';
import type { Inputs } from './inputs.ts';
import { createLanes, type Lanes } from './lanes.ts';
import { ingressLane, type LaneOf, roleLane } from './receiver.ts';

export interface Reading extends Pick<Lanes, 'open' | 'caughtUp' | 'lag' | 'stop'> {
  /** The place of some partition has gone back: everything is read again from there, once it was read at all. */
  reopen(): void;
}

export interface ReadingOptions extends HostContext {
  readonly partitions: Pick<Partitions, 'get' | 'all'>;
  readonly inputs: Pick<Inputs, 'message'>;
}

export function createReading(options: ReadingOptions): Reading {
  const { roles, ingress = [], bus, witness, journal, sender, partitions, inputs } = options;
  let isOpen = false;
  let paused = false;

  const readFrom = (lane: string): number | null => {
    let from: number | null = null;
    for (const { read } of partitions.all())
      from = Math.min(from ?? Number.POSITIVE_INFINITY, (read.get(lane) ?? 0) + 1);
    return from;
  };
  const deliver = (lane: LaneOf, message: StoredMessage): void => {
    options.at('event-read');
    const part = partitions.get(lane.partitionOf(message));
    if (part && message.seq > (part.read.get(lane.name) ?? 0)) inputs.message(part, lane, message);
    // What comes later in this lane comes for all partitions, so none of them has anything left before it.
    for (const { read } of partitions.all()) {
      if (message.seq > (read.get(lane.name) ?? 0)) read.set(lane.name, message.seq);
    }
    throttle();
  };
  /** More than this waits for the log: reading pauses until it has caught up. */
  const throttle = (): void => {
    if (paused || !(sender.isFull || journal.isFull)) return;
    paused = true;
    lanes.pause();
    waitForRoom();
  };
  const waitForRoom = (): void => {
    (journal.isFull ? journal : sender).onRoom(() => {
      if (sender.isFull || journal.isFull) {
        waitForRoom();
        return;
      }
      paused = false;
      lanes.resume();
    });
  };
  const laneOf = (filter: string, lane: LaneOf) => ({
    ...{ name: lane.name, filter, readFrom: () => readFrom(lane.name) },
    deliver: (message: StoredMessage) => deliver(lane, message),
  });
  const identity = (): string => witness.stream.identity;
  const lanes = createLanes({
    ...options,
    lanes: [
      ...roles.map(({ name }) => laneOf(inboxFilter(name), roleLane(name, bus.maxPayloadBytes))),
      ...ingress.map((door) => laneOf(door.filter, ingressLane(door, identity, bus.maxPayloadBytes))),
    ],
  });
  return {
    open() {
      isOpen = true;
      lanes.open();
    },
    reopen() {
      if (isOpen) lanes.reopen();
    },
    caughtUp: lanes.caughtUp,
    lag: lanes.lag,
    stop: lanes.stop,
  };
}
