import { describe, expect, it } from 'vitest';
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
