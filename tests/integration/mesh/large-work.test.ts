/**
 * Work that is within every limit by itself and beyond the log's limit when it comes together, on a server with NATS'
 * own limit of 1 MiB (S8). The task may fail; the service may not (S9). And how much a large prompt makes the mesh store.
 */
import { randomBytes } from 'node:crypto';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from 'nats';
import { describe, expect, test } from 'vitest';
import { ledgerBytes } from '../../../bench/ledger-size.ts';
import { STORED_PER_BYTE, STORED_PER_TASK_BYTES } from '../../../gateway/core/shares.ts';
import { INGRESS_SUBJECT } from '../../../schemas/events/subjects.ts';
import { useMesh } from '../../support/mesh.ts';
import { answerPrompt } from '../../support/prompts.ts';

const LIMIT_MS = 90_000;
/** One character, four bytes. */
const WIDE = '\u{1F600}';

/** Each takes two bytes as JSON. */
const RESULT_QUOTES = 180_000;
/** Bytes in the log and the ledgers for each byte of a prompt (docs/security.md). */
const STORED_TIMES_MAX = 6;
const PROMPT_BYTES = 240_000;

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

  /** What a build of two rounds makes the log and the ledgers hold for each byte of its prompt; the log's messages with it. */
  const storedFor = async (prompt: string): Promise<{ times: number; subjects: string[] }> => {
    const nc = await connect({ servers: mesh().nats.url });
    const { streams } = await jetstreamManager(nc);
    const stored = async (): Promise<number> => {
      const infos = await Promise.all(['MESH', 'MESH_CHECKPOINTS'].map((name) => streams.info(name)));
      const ledgers = mesh().services.map(({ name }) => ledgerBytes(mesh().ledger(name)));
      return [...infos.map(({ state }) => state.bytes), ...ledgers].reduce((sum, bytes) => sum + bytes, 0);
    };
    const before = await stored();
    const { last_seq: from } = (await streams.info('MESH')).state;
    const { name, result } = await mesh().watch.result(await mesh().submit({ prompt, workflow: 'build' }), 120_000);
    expect([name, result.hops.length]).toEqual(['task.completed', 5]);
    const times = ((await stored()) - before) / prompt.length;
    const { last_seq: to } = (await streams.info('MESH')).state;
    const subjects: string[] = [];
    for (let seq = from + 1; seq <= to; seq++) {
      const message = await streams.getMessage('MESH', { seq });
      if (message !== null && message.data.length > prompt.length / 2) subjects.push(placeOf(message.subject));
    }
    await nc.close();
    return { times, subjects };
  };

  test('a large prompt is stored fewer than six times, however many steps work on it', async () => {
    const { times } = await storedFor('# a\n'.repeat(PROMPT_BYTES / 4));
    expect(times).toBeLessThan(STORED_TIMES_MAX);
    // As it came, as a fact, in a journal and in a request: fewer would mean that not all was counted.
    expect(times).toBeGreaterThan(3);
  }, 130_000);

  test('one that nothing compresses is in no more places, and never takes more than its caller is charged', async () => {
    const { times, subjects } = await storedFor(randomBytes((PROMPT_BYTES * 3) / 4).toString('base64'));
    expect(subjects.sort()).toEqual([
      ...['mesh.events', 'mesh.in.llm', 'mesh.in.llm', 'mesh.journal.agents', 'mesh.journal.llm', 'mesh.journal.llm'],
      'mesh.tasks',
    ]);
    expect(times).toBeLessThan(STORED_PER_BYTE + STORED_PER_TASK_BYTES / PROMPT_BYTES);
    expect(times).toBeGreaterThan(STORED_PER_BYTE - 1);
  }, 130_000);
});

/** The subject without partition and task. */
function placeOf(subject: string): string {
  return subject.split('.', subject.startsWith('mesh.events') ? 2 : 3).join('.');
}
