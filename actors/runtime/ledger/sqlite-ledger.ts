/**
 * The ledger on SQLite. Owns: the lock, a reading connection in this thread (`reads.ts`), and the thread that has the
 * writing one (`worker.ts`). Does not own: what a batch holds.
 *
 * Invariants:
 * 1. A resolved `commit` means that all earlier ones are durable too.
 * 2. After a commit was refused, or the thread has ended, everything that is waiting or comes later is refused.
 */
import { renameSync, rmSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { FatalError } from '../errors.ts';
import { connect, lockLedger, prepareLedger } from './open-database.ts';
import type { Ledger, LedgerBatch } from './port.ts';
import { prepareReads } from './reads.ts';
import type { LedgerCommand, LedgerReply } from './worker.ts';

type Unnumbered = LedgerCommand extends infer C ? (C extends LedgerCommand ? Omit<C, 'id'> : never) : never;

/** Opens, checks and locks the ledger; an unreadable one is set aside. @throws FatalError */
export async function openSqliteLedger(path: string): Promise<Ledger> {
  const lock = lockLedger(path);
  try {
    const { condition, id } = prepareLedger(path);
    const db = connect(path, { readonly: true });
    const thread = startThread(path);
    let closing: Promise<void> | undefined;
    const close = async (): Promise<void> => {
      db.close();
      try {
        await thread.end();
      } finally {
        lock.close();
      }
    };
    return {
      condition,
      id,
      ...prepareReads(db),
      commit: async (given) => {
        const { batch, handOver } = ownBytes(given);
        await thread.ask({ kind: 'commit', batch }, handOver);
      },
      setAside: (partition, fromN) => thread.ask({ kind: 'set_aside', partition, fromN }),
      prune: (beforeSeq) => thread.ask({ kind: 'prune', beforeSeq }),
      backup: async (to) => {
        const part = `${to}.part`;
        for (const suffix of ['', '-journal', '-wal', '-shm']) rmSync(part + suffix, { force: true });
        await thread.ask({ kind: 'backup', path: part });
        renameSync(part, to);
      },
      close: () => {
        closing ??= close();
        return closing;
      },
    };
  } catch (error) {
    lock.close();
    throw error;
  }
}

const NOTHING = new Uint8Array();

/**
 * The bytes of a batch are the caller's, and often a view into a larger buffer, all of which a thread would be sent. Copies
 * of their own are handed over, which takes less time than letting the message be copied; of a record that was made smaller
 * only that.
 */
function ownBytes(batch: LedgerBatch): { batch: LedgerBatch; handOver: ArrayBuffer[] } {
  const handOver: ArrayBuffer[] = [];
  const records = batch.records.map((record) => {
    const own = new Uint8Array(record.zstd ?? record.body);
    handOver.push(own.buffer);
    return { ...record, ...(record.zstd === undefined ? { body: own } : { body: NOTHING, zstd: own }) };
  });
  return { batch: { ...batch, records }, handOver };
}

interface LedgerThread {
  ask(command: Unnumbered, handOver?: ArrayBuffer[]): Promise<number>;
  /** Lets it finish what it was asked, and ends it. */
  end(): Promise<void>;
}

interface Waiting {
  readonly kind: LedgerCommand['kind'];
  readonly resolve: (value: number) => void;
  readonly reject: (error: Error) => void;
}

/** What the refusal of a command means for the others: what a commit would have stored, others may rest on. */
function breaks(kind: LedgerCommand['kind']): boolean {
  return kind === 'commit' || kind === 'set_aside';
}

function startThread(path: string): LedgerThread {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: { path } });
  const waiting = new Map<number, Waiting>();
  let lastId = 0;
  let ended = false;
  let broken: FatalError | undefined;

  const fail = (error: FatalError): void => {
    broken ??= error;
    for (const { reject } of waiting.values()) reject(broken);
    waiting.clear();
  };
  worker.on('message', (reply: LedgerReply) => {
    const entry = waiting.get(reply.id);
    if (!entry) return;
    waiting.delete(reply.id);
    if ('value' in reply) {
      entry.resolve(reply.value);
      return;
    }
    const { message, code } = reply.error;
    const error = new FatalError(`the ledger ${path} refused a ${entry.kind}: ${message}${code && ` (${code})`}`, {
      exitCode: 2,
    });
    entry.reject(error);
    if (breaks(entry.kind)) fail(error);
  });
  worker.on('error', (error) => fail(new FatalError(`the ledger's thread failed: ${error.message}`, { cause: error })));
  worker.on('exit', (code) => {
    ended = true;
    fail(new FatalError(`the ledger's thread has ended (${code}): ${path} is closed`));
  });

  const ask = (command: Unnumbered, handOver: ArrayBuffer[] = []): Promise<number> =>
    new Promise((resolve, reject) => {
      if (broken) {
        reject(broken);
        return;
      }
      lastId += 1;
      waiting.set(lastId, { kind: command.kind, resolve, reject });
      worker.postMessage({ ...command, id: lastId } as LedgerCommand, handOver);
    });
  return {
    ask,
    async end() {
      try {
        if (!broken) {
          const closed = ask({ kind: 'close' });
          broken = new FatalError(`the ledger ${path} is closed`);
          await closed;
        }
      } finally {
        if (!ended) await worker.terminate();
      }
    },
  };
}
