/**
 * Breakages of effects. Owns: those mutations.
 */
import type { Mutation } from './mutation.ts';

export const effectMutations: readonly Mutation[] = [
  {
    name: 'never-careful',
    breaks: 'S9: an effect that ends its process before anything is recorded ends every process after it',
    file: 'actors/runtime/host.ts',
    find: 'isCareful: () => clock.elapsed() < carefulUntilMs,',
    replace: 'isCareful: () => false,',
    seenBy: 'tests/unit/runtime/host.test.ts',
  },
  {
    name: 'forget-that-it-began',
    breaks: 'S6: an unrepeatable effect that was cut off runs again',
    file: 'actors/runtime/effects/effects.ts',
    find: 'if (row.started) return unknownOutcome(',
    replace: 'if (row.started && row.failures < 0) return unknownOutcome(',
  },
  {
    name: 'begin-before-it-is-said',
    breaks: 'S6: an unrepeatable effect begins before log and disk know',
    file: 'actors/runtime/effects/effects.ts',
    find: 'options.whenTold(job.owner.partition, n, () => {',
    replace: '((_partition: number, _n: number, told: () => void) => told())(job.owner.partition, n, () => {',
  },
  {
    name: 'begin-before-it-is-wanted',
    breaks: 'J2: a keyed effect begins before both stores have what it rests on',
    file: 'actors/runtime/effects/effects.ts',
    find: 'options.whenTold(owner.partition, n, () => turns.enqueue(job));',
    replace: 'turns.enqueue(job);',
  },
  {
    name: 'call-it-failed',
    breaks: 'S6: an unrepeatable effect that was cut off counts as not done',
    file: 'actors/runtime/effects/effects.ts',
    find: 'const certain = thrown instanceof EffectError && !isAbort(thrown);',
    replace: 'const certain = thrown instanceof Error;',
  },
  {
    name: 'call-it-done',
    breaks: 'S6: an attempt that failed and may be repeated counts as settled',
    file: 'actors/runtime/effects/effects.ts',
    find: "if (!error.retryable || attempts >= job.handler.attemptsMax) finish(job, { status: 'failed', error });",
    replace: "if (!error.retryable || attempts > 0) finish(job, { status: 'done', output: null });",
  },
  {
    name: 'begin-nothing-again',
    breaks: 'S6: what ran when a process ended is not begun again',
    file: 'actors/runtime/messages/inputs.ts',
    find: 'for (const row of running) effects.begin(ownerOf(part, id, role), row, n, true);',
    replace: 'void running;',
  },
  {
    name: 'forget-doubt',
    breaks: 'J5: what a lost log had said is taken for news, and done again',
    file: 'actors/runtime/host.ts',
    find: 'isDoubtful: ({ partition, task }) => partitions.get(partition)?.tasks.find(task)?.doubtful ?? false,',
    replace: 'isDoubtful: () => false,',
  },
  {
    name: 'doubt-only-at-first',
    breaks: 'J5: a doubt that comes while an effect waits to begin is not heard',
    file: 'actors/runtime/effects/effects.ts',
    find: '    else if (options.isDoubtful(job.owner)) finish(job, doubtful);\n    else if (await announced(job, now)) {\n      // What was said while it waited may have brought the doubt.\n      if (!options.isDoubtful(job.owner)) return true;',
    replace: '    else if (await announced(job, now)) {\n      if (job !== null) return true;',
    seenBy: 'tests/unit/runtime/effects-once.test.ts',
  },
  {
    name: 'ask-nobody',
    breaks: 'J5: an effect that may not be repeated begins for a request that its maker has had an answer to',
    file: 'actors/runtime/host.ts',
    find: 'return known?.fresh || requests.isOpen(partition, task, isWanted);',
    replace: 'return known !== null || requests.isOpen(partition, task, isWanted);',
  },
  {
    name: 'fresh-by-the-last-word',
    breaks:
      'J5: a word that came anew lets an effect of an older request begin, which was done before the stores went back',
    file: 'actors/runtime/messages/inputs.ts',
    find: ' && (known === null || known.fresh === true);',
    replace: ';',
    seenBy: 'tests/unit/runtime/recovery.test.ts',
  },
  {
    name: 'announce-and-go-on-stopping',
    breaks: 'S6: a stop in order leaves questions about effects that never ran',
    file: 'actors/runtime/effects/effects.ts',
    find: 'for (const job of [...jobs.values()]) if (isHeld(job)) withdraw(job);',
    replace: 'for (const job of jobs.values()) if (job.announced) job.cancelWait?.();',
  },
  {
    name: 'take-who-asked-for-heard',
    breaks: 'J5: who asked a role first counts as answered, and an unrepeatable effect asks a person after a restart',
    file: 'actors/runtime/effects/requests.ts',
    find: ' && !askers.has(senderrole)',
    replace: '',
    seenBy: 'tests/unit/runtime/other-past.test.ts',
  },
  {
    name: 'believe-who-has-not-asked',
    breaks:
      'J5: a host that has had the answer, and made the request in another past only, counts as one that waits for it',
    file: 'actors/runtime/effects/requests.ts',
    find: 'word === ANSWERED || (word === UNKNOWN && heard.includes(event.recipientrole))',
    replace: 'word === ANSWERED || (word === UNKNOWN && heard.includes(event.id))',
    seenBy: 'tests/unit/runtime/other-past.test.ts',
  },
];
