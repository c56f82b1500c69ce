/**
 * Breakages of what an input means: repetition, ids, pins, loops, quarantine. Owns: those mutations.
 */
import type { Mutation } from './mutation.ts';

export const meaningMutations: readonly Mutation[] = [
  {
    name: 'apply-repetitions',
    breaks: 'S5: a repeated event is applied again',
    file: 'actors/runtime/tasks/step.ts',
    find: "if (seen === digest) return { kind: 'ignored', reason: 'duplicate' };",
    replace: 'if (seen === digest) return null;',
  },
  {
    name: 'believe-contradictions',
    breaks: 'S5: the same id with other content is applied',
    file: 'actors/runtime/tasks/step.ts',
    find: "return rejected('conflicting_duplicate',",
    replace: "if (id !== '') return null;\n  return rejected('conflicting_duplicate',",
  },
  {
    name: 'forget-ended-tasks',
    breaks: 'S5: a task that has ended begins again when it is submitted again',
    file: 'actors/runtime/tasks/tasks.ts',
    find: 'ended.set(id, { task: id,',
    replace: 'new Map<string, EndedTask>().set(id, { task: id,',
  },
  {
    name: 'take-over-what-cannot-go-on',
    breaks: 'S11: a host takes tasks over that it has no machine for, and ends in the middle of one',
    file: 'actors/runtime/recovery/recovery.ts',
    find: '  preflight(roles, tasks.map(readTask));',
    replace: '',
    seenBy: 'tests/unit/runtime/versions.test.ts',
  },
  {
    name: 'miss-what-has-begun',
    breaks: 'S5: a task that was looked for before it began is not found when it sleeps',
    file: 'actors/runtime/tasks/tasks.ts',
    find: "if (id === absent) absent = '';",
    replace: '',
    seenBy: 'tests/unit/runtime/tasks.test.ts',
  },
  {
    name: 'forget-what-ended-tasks-saw',
    breaks: 'S5, S9: what contradicts an ended task is dropped in silence',
    file: 'actors/runtime/tasks/tasks.ts',
    find: 'seen: seenBy(actors) });',
    replace: 'seen: {} });',
  },
  {
    name: 'end-in-silence',
    breaks: 'J7: who was asked elsewhere is not told that the task is over, and keeps it for ever',
    file: 'actors/runtime/tasks/task.ts',
    find: "if (how === 'asked' && !roles.has(to) && !told.has(to))",
    replace: "if (how === 'asked' && roles.has(to) && !told.has(to))",
  },
  {
    name: 'forget-whom-it-asked',
    breaks: 'J7: a task that is read back from its snapshot does not know whom it has asked',
    file: 'actors/runtime/tasks/snapshot.ts',
    find: 'peers: new Map(frozen.peers),',
    replace: 'peers: new Map(),',
  },
  {
    name: 'unstable-ids',
    breaks: 'S2: deriving an event again gives another id',
    file: 'schemas/events/ids.ts',
    find: 'return uuidFrom(`${correlationId}/${role}/${transitionIndex}/${outputIndex}`, 8);',
    replace:
      'derivations += 1;\n  return uuidFrom(`${correlationId}/${role}/${transitionIndex}/${outputIndex}/${derivations}`, 8);\n}\nlet derivations = 0;\nexport function unused(): void {\n  derivations = 0;',
  },
  {
    name: 'new-task-at-every-reading',
    breaks: 'S5: a submission without a name is another task each time it is read',
    file: 'ingress/ingress.ts',
    find: 'correlationIdFromLog(streamIdentity, message.seq)',
    replace: 'correlationIdFromLog(streamIdentity + Math.random(), message.seq)',
  },
  {
    name: 'newest-machine-for-all',
    breaks: 'S11: a task meets a machine that came after it',
    file: 'actors/runtime/tasks/step.ts',
    find: 'if (began === undefined) return newestFor(role, event.release);',
    replace: 'if (began !== null) return newestFor(role, event.release);',
  },
  {
    name: 'one-round-too-many',
    breaks: 'S8: a loop goes round once more than its limit',
    file: 'actors/roles/orchestrator/review-loop.ts',
    find: 'if (remainingLoops(context) <= 0 || context.hop >= HOPS_MAX) return bestSoFar(kept);',
    replace: 'if (remainingLoops(context) < 0 || context.hop >= HOPS_MAX) return bestSoFar(kept);',
  },
  {
    name: 'pass-poison-over',
    breaks: 'S9: what cannot be accepted is recorded and told to nobody',
    file: 'actors/runtime/messages/inputs.ts',
    find: 'saying(part, n).quarantine(message);',
    replace: '',
  },
  {
    name: 'drop-quarantine-in-the-fold',
    breaks: 'S9: what was put into quarantine before a crash never arrives there',
    file: 'actors/runtime/recovery/fold.ts',
    find: '      following.quarantine(input.message);\n      continue;',
    replace: '      continue;',
  },
  {
    name: 'clock-from-the-wall',
    breaks: 'J6: limits are measured by the clock on the wall, which jumps',
    file: 'actors/runtime/effects/timers.ts',
    find: 'const upMs = (partition: number): number => Math.floor(clock.elapsed() - partOf(partition).beganMs);',
    replace:
      'const upMs = (partition: number): number => Math.max(0, Math.floor(clock.now() - partOf(partition).beganMs));',
  },
  {
    name: 'clock-back-at-a-start',
    breaks: 'J6: the time that a partition was up is forgotten at a start',
    file: 'actors/runtime/partitions/partitions.ts',
    find: 'timers.open(partition, Math.max(upMsOf(ledger, partition, end.head), marked));',
    replace: 'timers.open(partition, 0);',
  },
  {
    name: 'clock-ahead-at-a-start',
    breaks: 'J6: a partition has been up for longer than it was',
    file: 'actors/runtime/partitions/partitions.ts',
    find: 'timers.open(partition, Math.max(upMsOf(ledger, partition, end.head), marked));',
    replace: 'timers.open(partition, Math.max(upMsOf(ledger, partition, end.head), marked) + 250);',
  },
  {
    name: 'leave-timers-asleep',
    breaks: 'S1: limits of time are not waited for after a start',
    file: 'actors/runtime/messages/inputs.ts',
    find: 'timers.sync({ partition: part.number, task: id, role }, new Map(waits.map((row) => [row.timer, row])));',
    replace: 'void waits;',
  },
];
