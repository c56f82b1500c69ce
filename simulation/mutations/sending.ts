/**
 * Breakages of sending and of reading under load. Owns: those mutations.
 */
import type { Mutation } from './mutation.ts';

export const sendingMutations: readonly Mutation[] = [
  {
    name: 'send-before-the-record',
    breaks: 'J2: what follows from a record is sent before any store has it',
    file: 'actors/runtime/messages/sender.ts',
    find: 'for (const message of messages) lane.held.push({ lane, n, message });',
    replace: 'for (const message of messages) enqueue({ lane, n, message });',
  },
  {
    name: 'say-it-with-the-next-record',
    breaks: 'J1: what is said rests on another record than the input that caused it',
    file: 'actors/runtime/messages/inputs.ts',
    find: 'saying(part, n).add(result, texts);',
    replace: 'saying(part, n + 1).add(result, texts);',
  },
  {
    name: 'drop-an-output',
    breaks: 'S4: after a start one record in seven is taken to have been sent',
    file: 'actors/runtime/recovery/fold.ts',
    find: 'if (!logLost && record.head.n > sent) unsent.push(',
    replace: 'if (!logLost && record.head.n > sent && record.head.n % 7 !== 0) unsent.push(',
  },
  {
    name: 'watermark-too-high',
    breaks: 'S4: what was released counts as sent',
    file: 'actors/runtime/messages/sender.ts',
    find: 'lane.sent = first.done ? lane.released : Math.min(lane.released, first.value - 1);',
    replace: 'lane.sent = first.done ? lane.released : Math.min(lane.released, first.value);',
  },
  {
    name: 'forget-acknowledgements',
    breaks: 'S4: what was sent counts as unsent for ever',
    file: 'actors/runtime/messages/sender.ts',
    find: 'if (missing?.size === 0) lane.missing.delete(n);',
    replace: '',
  },
  {
    name: 'overtake',
    breaks: 'S4: what failed to be sent is overtaken by what came after it',
    file: 'actors/runtime/messages/sender.ts',
    find: `      const [entry] = lines.get(subject) ?? [];
      if (entry) transmit(entry);
    }
  };`,
    replace: `      const line = lines.get(subject) ?? [];
      line.push(...line.splice(0, 1));
      const [entry] = line;
      if (entry) transmit(entry);
    }
  };`,
  },
  {
    name: 'do-not-send-again',
    breaks: 'S4: what was not acknowledged is forgotten until the next start',
    file: 'actors/runtime/messages/sender.ts',
    find: 'cancelResend ??= clock.after(limits.resendMs, resend);',
    replace: '',
  },
  {
    name: 'do-not-record-again',
    breaks: 'J3: a record that the log did not take is not given to it again',
    file: 'actors/runtime/journal/log-writer.ts',
    find: 'cancelResend ??= clock.after(limits.resendMs, resend);',
    replace: '',
  },
  {
    name: 'two-in-flight',
    breaks: 'S4: of two messages of a subject in flight the second is taken and the first is not',
    file: 'actors/runtime/messages/sender.ts',
    find: 'if (line) line.push(entry);',
    replace: 'if (line && entry.n < 0) line.push(entry);',
  },
  {
    name: 'believe-who-came-alone',
    breaks: 'S10: a message that was on its way when the log was lost counts as all that were to come before it',
    file: 'actors/runtime/recovery/fold.ts',
    find: "const mark = message?.header(AFTER_HEADER) ?? '';",
    replace: "const mark = '';",
  },
  {
    name: 'say-nothing-of-before',
    breaks: 'S10: a message does not say what it was sent after',
    file: 'actors/runtime/messages/sender.ts',
    find: 'requestOf(message, recordSeq, options.furthest())',
    replace: "requestOf(message, recordSeq, '')",
  },
  {
    name: 'believe-who-is-before-its-mark',
    breaks: 'S10: a message counts that stands before what it was sent after',
    file: 'actors/runtime/recovery/fold.ts',
    find: 'if (message === null || message.seq <= seqOf(mark)) return null;',
    replace: 'if (message === null) return null;',
    seenBy: 'tests/unit/runtime/recovery.test.ts',
  },
  {
    name: 'send-in-doubt',
    breaks: 'S10: something is sent before it is certain that the log is the same',
    file: 'actors/runtime/messages/sender.ts',
    find: 'options.whenCertain(() => publish(entry, message));',
    replace: 'publish(entry, message);',
  },
  {
    name: 'wait-for-the-wrong-room',
    breaks: 'S1: reading pauses because of the journal and waits for the sender',
    file: 'actors/runtime/messages/reading.ts',
    find: '(journal.isFull ? journal : sender).onRoom(() => {',
    replace: 'sender.onRoom(() => {',
  },
  {
    name: 'never-pause',
    breaks: 'S8: a host whose records the log does not take reads on',
    file: 'actors/runtime/messages/reading.ts',
    find: 'if (paused || !(sender.isFull || journal.isFull)) return;',
    replace: 'if (paused || !sender.isFull || !journal.isFull) return;',
  },
  {
    name: 'never-full',
    breaks: 'S8: a host makes records without end while the log takes none',
    file: 'actors/runtime/journal/journal.ts',
    find: 'if (!hasWork() || isFull() || waitsForLog()) return;',
    replace: 'if (!hasWork() || waitsForLog()) return;',
  },
  {
    name: 'never-resume',
    breaks: 'S1: reading pauses and does not go on',
    file: 'actors/runtime/messages/reading.ts',
    find: '      lanes.resume();\n',
    replace: '',
  },
  {
    name: 'read-while-stopping',
    breaks: 'S3: a host that stops goes on reading',
    file: 'actors/runtime/messages/lanes.ts',
    find: '      await Promise.all(lanes.map(({ lane }) => close(lane)));',
    replace: '',
  },
];
