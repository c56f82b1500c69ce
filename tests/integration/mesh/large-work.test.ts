/**
 * Work that is within every limit by itself and beyond the log's limit when it comes together, on a server with NATS'
 * own limit of 1 MiB (S8). The task may fail; the service may not (S9).
 */
import { describe, expect, test } from 'vitest';
import { INGRESS_SUBJECT } from '../../../schemas/events/subjects.ts';
import { useMesh } from '../../support/mesh.ts';
import { answerPrompt } from '../../support/prompts.ts';

const LIMIT_MS = 30_000;
/** One character, four bytes. */
const WIDE = '\u{1F600}';

/** Each takes two bytes as JSON. */
const RESULT_QUOTES = 180_000;

describe('work that is too large', () => {
  const mesh = useMesh('large-work', { natsConfig: 'max_payload: 1048576' });

  const expectAllAlive = async (): Promise<void> => {
    const { name } = await mesh().watch.result(await mesh().submit(answerPrompt));
    expect(name).toBe('task.completed');
    expect(mesh().services.map(({ lives }) => lives.length)).toEqual([1, 1, 1]);
  };

  test('S8 S9: a prompt that fits the log as text and not as an event', async () => {
    expect(mesh().bus.maxPayloadBytes).toBe(1_048_576);
    const seq = await mesh().publish(INGRESS_SUBJECT, WIDE.repeat(262_000));
    const entry = await mesh().watch.refusal(({ originSeq }) => originSeq === seq, LIMIT_MS, 'the prompt');
    expect(entry).toMatchObject({ role: 'ingress', code: 'too_large' });
    await expectAllAlive();
  });

  test('S8 S9: a prompt, a tool call and its result, each large: the answer is the result, whole', async () => {
    const { counter, watch } = mesh();
    counter.answer('/large', '"'.repeat(RESULT_QUOTES));
    const id = await mesh().submit({
      prompt: counter.prompt('http_post', '/large', WIDE.repeat(99_000)),
      deadlineMs: 6000,
    });
    const { name, result } = await watch.result(id);
    expect([name, result.answer.split('"').length - 1]).toEqual(['task.completed', RESULT_QUOTES]);
    await expectAllAlive();
    expect(counter.deeds('/large')).toBe(1);
  });
});
