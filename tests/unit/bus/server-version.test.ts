import { expect, test } from 'vitest';
import { assertSupportedServer, isAtLeast } from '../../../bus/server-version.ts';

test.each(['2.9.10', '2.10.19', '2.10.23', '2.12.0-RC.1', '2.15.2', '3.0.0'])(
  'nats-server %s is supported',
  (version) => {
    expect(() => assertSupportedServer(version)).not.toThrow();
  },
);

test.each(['2.9.9', '2.8.4', '1.4.1', '2.10.20', '2.10.21', '2.10.22', '', 'unknown'])(
  'nats-server %j is refused',
  (version) => {
    expect(() => assertSupportedServer(version)).toThrow(expect.objectContaining({ code: 'unsupported_server' }));
  },
);

test.each([
  ['2.10.0', true],
  ['2.10.0-RC.1', true],
  ['2.15.3', true],
  ['3.0.0', true],
  ['2.9.25', false],
  ['1.11.0', false],
  ['unknown', false],
])('nats-server %s is at least 2.10: %s', (version, expected) => {
  expect(isAtLeast(version, [2, 10, 0])).toBe(expected);
});
