import { describe, expect, it } from 'vitest';
import { strangeHost } from '../../../../gateway/http/hosts.ts';
import { correlationIdOfMessage } from '../../../../schemas/events/ids.ts';
import { isCorrelationId } from '../../../../schemas/events/subjects.ts';

describe('S5: the task id of a message', () => {
  it('is the same at every derivation, and another for another caller, message or protocol', () => {
    const ids = [
      correlationIdOfMessage('a2a', 'alice', 'm1'),
      correlationIdOfMessage('a2a', 'bob', 'm1'),
      correlationIdOfMessage('a2a', 'alice', 'm2'),
      correlationIdOfMessage('dapr', 'alice', 'm1'),
      // Names that run together differently are different names.
      correlationIdOfMessage('a2a', 'alice","m1', ''),
    ];
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.every(isCorrelationId)).toBe(true);
    // A promise to callers: the id of this message never changes.
    expect(correlationIdOfMessage('a2a', 'alice', 'm1')).toBe('7a0f1076-49e7-46cf-838c-9462521505e1');
  });
});

describe('names that a gateway without callers answers to', () => {
  const known = new Set(['mesh.example.org']);

  it.each(['127.0.0.1:7444', 'localhost', '[::1]:7444', 'mesh.example.org'])('%s is answered', (host) => {
    expect(strangeHost({ host }, known)).toBeNull();
  });

  it.each(['evil.example', '10.0.0.1', '', 'localhost.evil.example'])('%s is not', (host) => {
    expect(strangeHost({ host }, known)).toMatch(/MESH_GATEWAY_CALLERS/);
  });

  it.each(['https://evil.example', 'null'])('a page of %s is not answered', (origin) => {
    expect(strangeHost({ host: 'localhost', origin }, known)).toMatch(/web page/);
  });
});
