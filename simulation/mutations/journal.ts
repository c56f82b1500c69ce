/**
 * Breakages of the journal: what a record is, who may write it, what a checkpoint says, how it is folded. Owns: those
 * mutations.
 */
import type { Mutation } from './mutation.ts';

export const journalMutations: readonly Mutation[] = [
  {
    name: 'ledger-alone-tells',
    breaks: 'J2: a record that only the ledger has counts as told',
    file: 'actors/runtime/journal.ts',
    find: 'const told = Math.min(lane.inLedger, lane.inLog);',
    replace: 'const told = lane.inLedger;',
  },
  {
    name: 'log-alone-tells',
    breaks: 'J2: a record that only the log has counts as told',
    file: 'actors/runtime/journal.ts',
    find: 'const told = Math.min(lane.inLedger, lane.inLog);',
    replace: 'const told = lane.inLog;',
  },
  {
    name: 'accept-zombies',
    breaks: 'J4: the log takes the record of a host that has lost its partition',
    file: 'actors/runtime/log-writer.ts',
    find: 'expectLastSeq: lane.seq,',
    replace: '',
  },
  {
    name: 'forget-the-place',
    breaks: 'S3: a record does not say how far its host had read',
    file: 'actors/runtime/partitions.ts',
    find: 'read: Object.fromEntries(read), tail: witness.tail',
    replace: 'read: {}, tail: witness.tail',
  },
  {
    name: 'place-ahead-of-inputs',
    breaks: 'S3: of a divided record the first part says that the inputs of the second were dealt with',
    file: 'actors/runtime/partitions.ts',
    find: 'if (isLast) for (const [lane, seq] of read)',
    replace: 'for (const [lane, seq] of read)',
  },
  {
    name: 'fold-records-backwards',
    breaks: 'J1: records are folded out of order',
    file: 'actors/runtime/fold.ts',
    find: 'for (const { body } of ledger.records(partition, from + 1)) {',
    replace: 'for (const { body } of [...ledger.records(partition, from + 1)].reverse()) {',
  },
  {
    name: 'fold-inputs-backwards',
    breaks: 'J1: the inputs of a record are folded out of order',
    file: 'actors/runtime/fold.ts',
    find: '  for (const input of inputs) {',
    replace: '  for (const input of [...inputs].reverse()) {',
  },
  {
    name: 'checkpoint-without-an-open-task',
    breaks: 'J1: a checkpoint forgets an open task',
    file: 'actors/runtime/tasks.ts',
    find: 'const tasks = [...changed].map(',
    replace: 'const tasks = [...changed].slice(1).map(',
  },
  {
    name: 'checkpoint-without-an-ended-task',
    breaks: 'S5: a checkpoint forgets that a task has ended',
    file: 'actors/runtime/tasks.ts',
    find: 'const over = [...ended.values()];',
    replace: 'const over = [...ended.values()].slice(1);',
  },
  {
    name: 'checkpoint-without-timers',
    breaks: 'S1: a task that is read back from its snapshot waits for nothing',
    file: 'actors/runtime/snapshot.ts',
    find: 'timers: new Map(frozen.timers.map((row) => [row.timer, row])),',
    replace: 'timers: new Map(),',
  },
  {
    name: 'checkpoint-without-unsent',
    breaks: 'S4: a checkpoint forgets what was not sent',
    file: 'actors/runtime/partitions.ts',
    find: 'unsent: unsentText(sender.sent(part.number), sender.unsent(part.number, n), timers.upMs(part.number)),',
    replace: 'unsent: unsentText(sender.sent(part.number), [], timers.upMs(part.number)),',
  },
  {
    name: 'log-checkpoint-without-ended-tasks',
    breaks: 'S5: what a host takes over from the log does not say which tasks have ended',
    file: 'actors/runtime/checkpoint-log.ts',
    find: '        state.ended.set(one.task, one);',
    replace: '',
  },
  {
    name: 'take-over-without-the-past',
    breaks: 'S7: who takes a partition over reads on where its own reading was',
    file: 'actors/runtime/reading.ts',
    find: 'if (isOpen) lanes.reopen();',
    replace: '',
  },
  {
    name: 'take-over-the-living',
    breaks: 'S7: a lease is taken from a host that lives',
    file: 'bus/leases.ts',
    find: 'lease.holder !== holder && !(await this.#isSilent(lease.holder))',
    replace: 'lease.holder !== holder && (await this.#isSilent(lease.holder)) === null',
  },
  {
    name: 'beat-without-listening',
    breaks: 'S7: a host that was found silent is not told',
    file: 'bus/leases.ts',
    find: 'return unbroken !== null;',
    replace: 'return unbroken !== null || before !== undefined;',
  },
  {
    name: 'open-without-the-word',
    breaks: 'J4: work begins before the log has taken the word that this host writes',
    file: 'actors/runtime/partitions.ts',
    find: 'const granted = await claim(',
    replace: 'const granted = await ((...given: Parameters<typeof claim>) => void claim(...given) ?? true)(',
  },
  {
    name: 'tolerate-equal-names',
    breaks: 'J4: two processes with one name or ledger take the partitions from each other without an end',
    file: 'actors/runtime/partitions.ts',
    find: 'process !== self && (id === ledger.id || host === options.name);',
    replace: 'process === self && id === ledger.id && host === options.name;',
  },
  {
    name: 'records-of-two-claims-alike',
    breaks:
      'J1: a record that was dropped reaches the log late, and counts as the one that was made at its place since',
    file: 'actors/runtime/partitions.ts',
    find: 'id: `${self}.${partition}.${claimed.get(partition)?.nth ?? 0}.${n}`,',
    replace: 'id: `${self}.${partition}.${n}`,',
    seenBy: 'tests/unit/runtime/recovery-races.test.ts',
  },
  {
    name: 'write-on-behind-anything',
    breaks: 'J4: a host that lost the partition writes on when something that is no record stands behind the new one',
    file: 'actors/runtime/log-writer.ts',
    find: 'strays.length > 0 && last?.head.id === decodeHead(record.body).previous;',
    replace: 'strays.length > 0;',
    seenBy: 'tests/unit/runtime/journal.test.ts',
  },
];
