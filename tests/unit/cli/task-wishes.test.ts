/** The wishes of a task as options of a command: what the client of tasks is asked. */
import { describe, expect, test } from 'vitest';
import { wishesIn } from '../../../cli/task-wishes.ts';

describe('wishes', () => {
  test.each([
    ['1s', 1000],
    ['1500ms', 1500],
    ['1.5m', 90_000],
    ['24h', 86_400_000],
  ])('--deadline %s is %d ms', (deadline, timeLimitMs) => {
    expect(wishesIn({ deadline })).toEqual({ timeLimitMs });
  });

  test.each(['', '10', '999ms', '25h', '-5s', '5 days', 's'])(
    '--deadline %j is refused with what it may be',
    (deadline) => {
      expect(() => wishesIn({ deadline })).toThrow(/--deadline is a time from 1s to 24h/);
    },
  );

  test('what is not wished is not said', () => {
    expect(wishesIn({})).toEqual({});
    expect(wishesIn({ priority: 'low', waitForModel: true })).toEqual({ priority: 'low', waitForModel: true });
  });
});
