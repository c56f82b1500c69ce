/**
 * The ledger's one writing connection, in a thread of its own, so that fsync never stops the event loop. Owns: the order
 * of commands, and the transactions. Does not own: what a batch does to the tables (`writes.ts`), or when it comes.
 *
 * Invariants:
 * 1. Commands that write are carried out in the order in which they came; backups and prunes go on beside them.
 * 2. Batches that wait together share a transaction, and its fsync. When one of them is refused, those before it are
 *    stored and none after it.
 * 3. After a refused batch nothing is written any more: what follows may rest on it.
 */
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { connect } from './open-database.ts';
import type { LedgerBatch } from './port.ts';
import { prepareWrites } from './writes.ts';

export type LedgerCommand =
  | { id: number; kind: 'commit'; batch: LedgerBatch }
  | { id: number; kind: 'set_aside'; partition: number; fromN: number }
  | { id: number; kind: 'prune'; beforeSeq: number }
  | { id: number; kind: 'backup'; path: string }
  | { id: number; kind: 'close' };

export type LedgerReply = { id: number; value: number } | { id: number; error: { message: string; code: string } };

type Commit = Extract<LedgerCommand, { kind: 'commit' }>;

/** Batches in one transaction: so many wait only when the disk is slow, and then one fsync for all is what helps. */
const GROUP_MAX = 64;

function start(port: MessagePort): void {
  const db = connect((workerData as { path: string }).path, { readonly: false });
  const writes = prepareWrites(db);
  const together = db.transaction((commits: readonly Commit[]) => {
    for (const { batch } of commits) writes.apply(batch);
  });
  /** Backups and prunes that are under way. */
  const beside = new Set<Promise<void>>();
  let refused: unknown;

  const reply = (id: number, value: number): void => port.postMessage({ id, value } satisfies LedgerReply);
  const refuse = (id: number, error: unknown): void => {
    const message = error instanceof Error ? error.message : String(error);
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    port.postMessage({ id, error: { message, code } } satisfies LedgerReply);
  };

  const write = (id: number, work: () => number): void => {
    if (refused !== undefined) {
      refuse(id, refused);
      return;
    }
    try {
      reply(id, work());
    } catch (error) {
      refused = error;
      refuse(id, error);
      writes.forget();
    }
  };

  const commit = (commits: readonly Commit[]): void => {
    try {
      if (refused === undefined && commits.length > 1) {
        together.immediate(commits);
        for (const { id } of commits) reply(id, 0);
        return;
      }
    } catch {
      // One of them was at fault: each on its own finds out which, and what it says is told.
      writes.forget();
    }
    for (const one of commits) {
      write(one.id, () => {
        together.immediate([one]);
        return 0;
      });
    }
  };

  const prune = async (beforeSeq: number): Promise<number> => {
    if (refused !== undefined) throw refused;
    let gone = 0;
    for (const count of writes.prune(beforeSeq)) {
      gone += count;
      await new Promise((resolve) => setImmediate(resolve));
      if (refused !== undefined) throw refused;
    }
    return gone;
  };

  const goOnBeside = (id: number, work: Promise<number>): void => {
    const over: Promise<void> = work.then(
      (value) => reply(id, value),
      (error: unknown) => refuse(id, error),
    );
    beside.add(over);
    void over.then(() => beside.delete(over));
  };

  const close = async (id: number): Promise<void> => {
    await Promise.all(beside);
    try {
      db.pragma('wal_checkpoint(TRUNCATE)');
      db.close();
      reply(id, 0);
    } catch (error) {
      refuse(id, error);
    }
  };

  const carryOut = (command: Exclude<LedgerCommand, Commit>): void => {
    switch (command.kind) {
      case 'set_aside':
        write(command.id, () => writes.setAside(command.partition, command.fromN));
        return;
      case 'prune':
        goOnBeside(command.id, prune(command.beforeSeq));
        return;
      case 'backup':
        goOnBeside(
          command.id,
          db.backup(command.path).then(() => 0),
        );
        return;
      case 'close':
        void close(command.id);
        return;
      default:
        throw new Error(`unknown command ${JSON.stringify(command satisfies never)}`);
    }
  };

  port.on('message', (first: LedgerCommand) => {
    let group: Commit[] = [];
    const flush = (): void => {
      if (group.length > 0) commit(group);
      group = [];
    };
    for (let next: LedgerCommand | undefined = first; next; next = waiting(port)) {
      if (next.kind === 'commit') group.push(next);
      else {
        flush();
        carryOut(next);
      }
      if (group.length === GROUP_MAX) flush();
    }
    flush();
  });
}

function waiting(port: MessagePort): LedgerCommand | undefined {
  return receiveMessageOnPort(port)?.message as LedgerCommand | undefined;
}

if (!parentPort) throw new Error('worker.ts runs as a worker thread');
start(parentPort);
