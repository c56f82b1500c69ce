/**
 * Deliberate breakages of the runtime, each of one promise. Owns: what is changed and what that breaks. Does not own:
 * applying them (`mutate.ts`). A simulation that lets one of these pass does not test what it says.
 */

export interface Mutation {
  readonly name: string;
  /** The promise that it breaks. */
  readonly breaks: string;
  readonly file: string;
  /** Must be there exactly once: a mutation that no longer applies is an error, not a success. */
  readonly find: string;
  readonly replace: string;
}

export const mutations: readonly Mutation[] = [
  {
    name: 'skip-the-inbox',
    breaks: 'S5: a repeated event is applied again',
    file: 'actors/runtime/step.ts',
    find: "if (seen === digest) return { kind: 'ignored', reason: 'duplicate' };",
    replace: '',
  },
  {
    name: 'believe-contradictions',
    breaks: 'S5: the same id with other content is applied',
    file: 'actors/runtime/step.ts',
    find: 'if (seen !== undefined) return rejected(',
    replace: 'if (seen === digest) return rejected(',
  },
  {
    name: 'leave-before-the-commit',
    breaks: 'S4: a result is told before anything remembers it',
    file: 'actors/runtime/publisher.ts',
    find: 'if (wait) gated.push(',
    replace: 'if (wait && row.n < 0) gated.push(',
  },
  {
    name: 'forget-the-cursor',
    breaks: 'S3: the place in the log is not stored',
    file: 'actors/runtime/reading.ts',
    find: 'store(lane.cursor.passed(message.seq));',
    replace: 'lane.cursor.passed(message.seq);',
  },
  {
    name: 'drop-an-outbox-row',
    breaks: 'S4: one output in seven is not remembered',
    file: 'actors/runtime/commit-queue.ts',
    find: 'outbox: (row) => void touch().outbox.set(row.n, { row, seq: null }),',
    replace: 'outbox: (row) => void (row.n % 7 === 0 ? touch() : touch().outbox.set(row.n, { row, seq: null })),',
  },
  {
    name: 'split-the-commit',
    breaks: 'S3: what belongs to one event is committed in two batches',
    file: 'actors/runtime/commit-queue.ts',
    find: 'if (hurried) queueMicrotask(flush);',
    replace: 'if (hurried) flush();',
  },
  {
    name: 'forget-that-it-began',
    breaks: 'S6: an unrepeatable effect that was cut off runs again',
    file: 'actors/runtime/effects.ts',
    find: "if (fence === 'once' && row.started) {",
    replace: "if (fence === 'once' && row.started && row.attempt < 0) {",
  },
  {
    name: 'begin-before-it-is-said',
    breaks: 'S6: an unrepeatable effect begins before log and disk know',
    file: 'actors/runtime/host.ts',
    find: 'await Promise.all([publisher.acknowledged(n), commits.flushed()]);',
    replace: 'await Promise.resolve(n);',
  },
  {
    name: 'call-it-failed',
    breaks: 'S6: an unrepeatable effect that was cut off counts as not done',
    file: 'actors/runtime/effects.ts',
    find: 'const certain = thrown instanceof EffectError && !isAbort(thrown);',
    replace:
      'const certain = thrown instanceof EffectError || isAbort(new EffectError(String(thrown), ""));\n      if (!certain) return finish(job, { status: "failed", error });',
  },
  {
    name: 'begin-while-folding',
    breaks: 'S6: effects run whose results are further on in the log',
    file: 'actors/runtime/receiver.ts',
    find: 'if (!options.isLevel(role.name)) return;',
    replace: '',
  },
  {
    name: 'leave-timers-asleep',
    breaks: 'S1: deadlines are not armed again after a start',
    file: 'actors/runtime/host.ts',
    find: `      for (const row of slot.instance.effects.values()) effects.begin(slot, row);
      timers.sync(slot);`,
    replace: '      for (const row of slot.instance.effects.values()) effects.begin(slot, row);',
  },
  {
    name: 'pass-poison-over',
    breaks: 'S9: what cannot be accepted is dropped in silence',
    file: 'actors/runtime/receiver.ts',
    find: "outputs.record(quarantineRow(name, message, code, reason), '', true);",
    replace: 'quarantineRow(name, message, code, reason);',
  },
  {
    name: 'send-nothing-again',
    breaks: 'S10: what a log has lost is not published again',
    file: 'actors/runtime/reconcile.ts',
    find: 'const resend = ledger.ackedAfter(0);',
    replace: 'const resend = ledger.ackedAfter(Number.MAX_SAFE_INTEGER);',
  },
  {
    name: 'trust-the-log',
    breaks: 'S10: a log that lost its end is not noticed',
    file: 'actors/runtime/reconcile.ts',
    find: 'if (await hasLostSent(bus, ledger)) return true;',
    replace: 'await hasLostSent(bus, ledger);',
  },
  {
    name: 'take-over-without-the-past',
    breaks: 'S7: a standby begins where its own reading was, not where the partition was',
    file: 'actors/runtime/cursor.ts',
    find: 'if (position === 0) for (const partition of partitions) level(partition);',
    replace: 'for (const partition of partitions) level(partition);',
  },
  {
    name: 'overtake',
    breaks: 'S4: what failed to be sent is overtaken by what came after it',
    file: 'actors/runtime/publisher.ts',
    find: 'if (delayed.has(entry.row.subject) || !isFirst(entry)) return;',
    replace: 'if (!isFirst(entry)) return;',
  },
  {
    name: 'do-not-send-again',
    breaks: 'S4: what was not acknowledged is forgotten until the next start',
    file: 'actors/runtime/publisher.ts',
    find: 'cancelResend ??= clock.after(RESEND_MS, resend);',
    replace: '',
  },
  {
    name: 'forget-acknowledgements',
    breaks: 'S4: outputs stay unsent in the ledger for ever',
    file: 'actors/runtime/publisher.ts',
    find: 'options.commits().acked(n, seq);',
    replace: '',
  },
  {
    name: 'two-in-flight',
    breaks: 'S4: of two outputs of a subject in flight the second is taken and the first is not',
    file: 'actors/runtime/publisher.ts',
    find: 'if (isQuarantine(entry.row)) return true;',
    replace: 'if (isQuarantine(entry.row) || entry.row.n > 0) return true;',
  },
  {
    name: 'beat-without-listening',
    breaks: 'S7: a host that was found silent is not told',
    file: 'bus/leases.ts',
    find: 'return unbroken !== null;',
    replace: 'return unbroken !== null || before !== undefined;',
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
    file: 'actors/ingress.ts',
    find: 'named ?? correlationIdFromLog(streamIdentity, message.seq)',
    replace: 'named ?? correlationIdFromLog(streamIdentity + Math.random(), message.seq)',
  },
  {
    name: 'newest-machine-for-all',
    breaks: 'S11: a task meets a machine that came after it',
    file: 'actors/runtime/role.ts',
    find: 'role.versions.findLast((version) => version.since <= release) ?? null',
    replace: 'role.versions.findLast((version) => version.since <= release || version.since > 0) ?? null',
  },
  {
    name: 'one-round-too-many',
    breaks: 'S8: a loop goes round once more than its limit',
    file: 'actors/roles/orchestrator/task.ts',
    find: 'if (remainingLoops(context) <= 0 || context.hop >= HOPS_MAX) return bestSoFar(kept);',
    replace: 'if (remainingLoops(context) < 0 || context.hop >= HOPS_MAX) return bestSoFar(kept);',
  },
];
