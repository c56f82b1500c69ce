/**
 * Whether the nats-server still does its work. Owns: asking its JetStream, in the protocol itself so that the supervisor
 * needs no client, and judging the answers. Does not own: what is done about it.
 *
 * A process that lives is not enough: after a full disk, JetStream may be turned off or stuck until the next start while
 * the server goes on accepting connections.
 */
import { connect } from 'node:net';

const PROBE_EVERY_MS = 5000;
const PROBE_TIMEOUT_MS = 3000;
/** One late answer on a busy machine means nothing. */
const FAILURES_MAX = 3;
const INBOX = '_INBOX.mesh-supervisor';

/** True when JetStream answers its INFO request without an error in time. */
export function jetStreamAnswers(port: number, timeoutMs: number = PROBE_TIMEOUT_MS): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const done = (answer: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => done(false), timeoutMs);
    let received = '';
    let asked = false;
    socket.once('error', () => done(false));
    socket.once('close', () => done(false));
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
      if (!asked && received.startsWith('INFO ')) {
        asked = true;
        socket.write(
          `CONNECT {"verbose":false,"pedantic":false}\r\nSUB ${INBOX} 1\r\nPUB $JS.API.INFO ${INBOX} 0\r\n\r\n`,
        );
      }
      const answer = /(?:^|\n)MSG _INBOX\S* 1 \d+\r\n([^\r]*)\r\n/.exec(received)?.[1];
      if (answer !== undefined) done(!answer.includes('"error"'));
    });
  });
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
