/**
 * Whether the nats-server still does its work. Owns: having it store a message and give it back, in the protocol
 * itself so that the supervisor needs no client, and judging the answers. Does not own: what is done about it.
 *
 * Neither a process that lives nor a JetStream that answers is enough: on a full or read-only disk it answers, and stores
 * nothing; after one it may be turned off or stuck until the next start.
 */
import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { z } from 'zod';
import { inboxPrefix } from '../../bus/identities.ts';
import { natsKey } from '../../bus/nkeys.ts';

const PROBE_EVERY_MS = 5000;
const PROBE_TIMEOUT_MS = 3000;
/** One late answer on a busy machine means nothing. */
const FAILURES_MAX = 3;
/** After so long a server that does nothing is found out, about. */
export const LOG_SERVER_BROKEN_MS = FAILURES_MAX * PROBE_EVERY_MS + PROBE_TIMEOUT_MS;
const PROBE_SUBJECT = '$KV.mesh-registry.probe';
const INBOX = inboxPrefix('keeper');

/**
 * True when the server stores a message and gives it back, in time. Before the first service has made the bucket, it is
 * enough that JetStream answers.
 */
export function logServerStores(
  port: number,
  { timeoutMs = PROBE_TIMEOUT_MS, seed }: { timeoutMs?: number; seed?: string | undefined } = {},
): Promise<boolean> {
  const nonce = randomUUID();
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const done = (answer: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => done(false), timeoutMs);
    const ask = (step: Step, subject: string, body: string): void => {
      socket.write(`PUB ${subject} ${INBOX}.${nonce}.${step} ${Buffer.byteLength(body)}\r\n${body}\r\n`);
    };
    const answered = (step: Step, body: string): void => {
      const { stream, seq, message, error } = answerOf(body);
      if (step === 'info') done(error === undefined && body !== '');
      // Nobody has such a bucket: no answer at all, or the server's that nobody listens.
      else if (step === 'put' && stream === undefined && error === undefined) ask('info', '$JS.API.INFO', '');
      else if (error !== undefined) done(false);
      else if (step === 'put') {
        storedSeq = seq ?? 0;
        ask('get', '$JS.API.STREAM.MSG.GET.KV_mesh-registry', JSON.stringify({ last_by_subj: PROBE_SUBJECT }));
      }
      // Somebody else may have written since: then that was stored.
      else done(message !== undefined && message.seq >= storedSeq);
    };
    let storedSeq = 0;
    let received = '';
    let asked = false;
    socket.once('error', () => done(false));
    socket.once('close', () => done(false));
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
      if (!asked && received.startsWith('INFO ')) {
        const challenge = /"nonce":"([^"]*)"/.exec(received)?.[1];
        asked = true;
        received = '';
        const options = { verbose: false, pedantic: false, headers: true, no_responders: true };
        const signed = { ...options, ...signature(seed, challenge) };
        socket.write(`CONNECT ${JSON.stringify(signed)}\r\nSUB ${INBOX}.${nonce}.* 1\r\n`);
        ask('put', PROBE_SUBJECT, nonce);
      }
      for (let next = takeMessage(received); next !== null; next = takeMessage(received)) {
        received = received.slice(next.end);
        answered(next.step, next.body);
      }
    });
  });
}

/** What a server wants to see that asks who connects. */
function signature(seed: string | undefined, challenge: string | undefined): { nkey?: string; sig?: string } {
  if (seed === undefined || challenge === undefined) return {};
  const key = natsKey(seed);
  return { nkey: key.publicKey, sig: key.sign(challenge) };
}

type Step = 'put' | 'get' | 'info';

/** The first whole message in what was received; the body without headers. */
function takeMessage(received: string): { step: Step; body: string; end: number } | null {
  const head = /(?:^|\n)(H?)MSG \S+\.(put|get|info) 1 +(?:(\d+) )?(\d+)\r\n/.exec(received);
  if (head === null) return null;
  const [whole, , step, headers = '0', size = '0'] = head;
  const from = head.index + whole.length;
  const end = from + Number(size) + 2;
  if (received.length < end) return null;
  return { step: step as Step, body: received.slice(from + Number(headers), end - 2), end };
}

const answerForm = z.object({
  stream: z.string().optional(),
  seq: z.number().optional(),
  message: z.object({ seq: z.number() }).optional(),
  error: z.unknown().optional(),
});

function answerOf(body: string): z.infer<typeof answerForm> {
  if (body === '') return {};
  try {
    return answerForm.parse(JSON.parse(body));
  } catch {
    return { error: 'no answer of JetStream' };
  }
}

/** Asks again and again; calls back after several failures in a row. Returns the function that ends it. */
export function watchHealth(probe: () => Promise<boolean>, onBroken: () => void, everyMs = PROBE_EVERY_MS): () => void {
  let failures = 0;
  let asking = false;
  const timer = setInterval(() => {
    if (asking) return;
    asking = true;
    void probe().then((healthy) => {
      asking = false;
      failures = healthy ? 0 : failures + 1;
      if (failures < FAILURES_MAX) return;
      failures = 0;
      onBroken();
    });
  }, everyMs);
  return () => clearInterval(timer);
}
