/** One place that says how a process ends by what was thrown. */
import { expect, test } from 'vitest';
import { FatalError } from '../../../actors/runtime/errors.ts';
import { BusError } from '../../../bus/port.ts';
import { readSettings } from '../../../config/settings.ts';
import { endingOf } from '../../../services/exit.ts';

const thrownBy = (work: () => unknown): unknown => {
  try {
    work();
  } catch (thrown) {
    return thrown;
  }
  throw new Error('nothing was thrown');
};

test.each([
  ['a wrong setting', thrownBy(() => readSettings({ MESH_NATS_PORT: 'x' })), 2, /^MESH_NATS_PORT=x: /],
  ['a log server that is away', new BusError('unreachable', 'nobody answers'), 3, /^nobody answers$/],
  ['a host that cannot go on', new FatalError('the disk is full', { exitCode: 3 }), 3, /^the disk is full$/],
  ['a text', 'odd', 1, /^odd$/],
  ['an exit code that is none', Object.assign(new Error('odd'), { exitCode: 200 }), 1, /^Error: odd\n +at /],
])('%s', (_what, thrown, exitCode, says) => {
  const ending = endingOf(thrown);
  expect(ending.exitCode).toBe(exitCode);
  expect(ending.text).toMatch(says);
});

test('what nobody expected is told with its stack', () => {
  expect(endingOf(new TypeError('x is no function')).text).toMatch(/^TypeError: x is no function\n +at /);
});
