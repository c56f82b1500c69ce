/**
 * What nobody should send. Owns: texts, values, mutations of requests and bytes, all from one seed. Does not own: where
 * they go (`doors.ts`).
 */
import type { Random } from '../../simulation/random.ts';

const ESC = String.fromCharCode(0x1b);
const texts: readonly string[] = [
  ...['', ' ', '\0', '\n', '\ufeff', '\ud800', '\udc00x', '\u202eevil', '\u2028', `${ESC}]0;PWNED\u0007${ESC}[2J`],
  ...['\u009b31m', '__proto__', 'constructor', 'prototype', 'toString', '>', '*', 'a.b', 'mesh.tasks', '$KV.x'],
  ...['../../etc/passwd', '/', '%00', '%ff', '%2e%2e%2f', "'; DROP TABLE records; --", '$(x)', '{{x}}', '<script>'],
  ...['NaN', '-1', '1e999', '0x10', 'null', 'true', '00000000-0000-0000-0000-000000000000', 'q1', 'tool:clock {}'],
  ...[
    '0b0ae3f0-7a0c-4c0e-9a54-0c8d3a1f2b11',
    '0B0AE3F0-7A0C-1C0E-1A54-0C8D3A1F2B11',
    'a'.repeat(129),
    'ä'.repeat(2001),
  ],
  ...[
    '👩‍👩‍👧‍👦'.repeat(50),
    'e\u0301'.repeat(300),
    '1:1:1',
    '2026-13-45T99:99:99Z',
    'http://[::1',
    'data:,x',
    'file:///',
  ],
];
const numbers: readonly number[] = [0, -0, -1, 1.5, 2 ** 31, 2 ** 53 + 2, -(2 ** 63), 1e308, 5e-324, 201, 86_401_000];
const LARGE_CHARS = 300_000;
const DEEP = 6000;

export function hostileText(random: Random): string {
  if (random.chance(0.005)) return 'x'.repeat(LARGE_CHARS);
  if (random.chance(0.7)) return random.pick(texts);
  return Array.from({ length: random.int(1, 12) }, () => String.fromCharCode(random.int(0, 0xffff))).join('');
}

function hostileValue(random: Random, depth = 0): unknown {
  const kind = random.int(0, depth > 3 ? 4 : 7);
  if (kind === 0) return null;
  if (kind === 1) return random.chance(0.5);
  if (kind === 2) return random.pick(numbers);
  if (kind <= 4) return hostileText(random);
  const many = random.int(0, 4);
  if (kind === 5) return Array.from({ length: many }, () => hostileValue(random, depth + 1));
  return Object.fromEntries(
    Array.from({ length: many }, () => [hostileText(random), hostileValue(random, depth + 1)] as const),
  );
}

/** A request with one thing changed, so that what is behind the first check is reached, or with many. */
export function mutated(random: Random, value: unknown): unknown {
  return random.chance(0.6) ? changedOnce(random, value) : changed(random, value);
}

function changedOnce(random: Random, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || random.chance(0.1)) return hostileValue(random);
  const names = Object.keys(value);
  if (names.length === 0) return hostileValue(random);
  const chosen = random.pick(names);
  if (Array.isArray(value)) return value.map((item, at) => (String(at) === chosen ? changedOnce(random, item) : item));
  const way = random.int(0, 9);
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, inner]): (readonly [string, unknown])[] => {
      if (name !== chosen) return [[name, inner]];
      if (way === 0) return [];
      return [way === 1 ? [hostileText(random), inner] : [name, changedOnce(random, inner)]];
    }),
  );
}

function changed(random: Random, value: unknown): unknown {
  if (random.chance(0.15)) return hostileValue(random);
  if (Array.isArray(value)) {
    const items = value.map((item) => (random.chance(0.5) ? changed(random, item) : item));
    return random.chance(0.2) ? [...items, ...items, hostileValue(random)] : items;
  }
  if (typeof value !== 'object' || value === null) return random.chance(0.5) ? hostileValue(random) : value;
  const entries = Object.entries(value).flatMap(([name, inner]): (readonly [string, unknown])[] => {
    if (random.chance(0.1)) return [];
    if (random.chance(0.1)) return [[hostileText(random), inner]];
    return [[name, random.chance(0.4) ? changed(random, inner) : inner]];
  });
  if (random.chance(0.2)) entries.push([hostileText(random), hostileValue(random)]);
  return Object.fromEntries(entries);
}

/** The text of a request, which may be no JSON any more. */
export function hostileJson(random: Random, request: unknown): string {
  const text = JSON.stringify(mutated(random, request)) ?? 'undefined';
  switch (random.int(0, 29)) {
    case 0:
      return text.slice(0, random.int(0, text.length));
    case 1:
      return `${text}${text}`;
    case 2:
      return `\ufeff${text}`;
    case 3:
      return text.replace(/:/, ':NaN,"x":');
    case 4:
      return text.replace('{', '{"__proto__":{"role":"admin"},"__proto__":1,');
    case 5:
      return random.chance(0.2) ? '['.repeat(DEEP) : `[${text}]`;
    case 6:
      return random.chance(0.2) ? `${'{"a":'.repeat(DEEP)}1${'}'.repeat(DEEP)}` : text.replaceAll('"', "'");
    case 7:
      return hostileText(random);
    default:
      return text;
  }
}

/** Bytes near those of a message, or nothing like them. */
export function hostileBytes(random: Random, base: Uint8Array): Uint8Array {
  if (base.length === 0 || random.chance(0.2))
    return Uint8Array.from({ length: random.int(0, 200) }, () => random.int(0, 255));
  const bytes = Uint8Array.from(base);
  const changes = random.int(1, 6);
  for (let at = 0; at < changes; at += 1) bytes[random.int(0, bytes.length - 1)] = random.int(0, 255);
  switch (random.int(0, 5)) {
    case 0:
      return bytes.slice(0, random.int(0, bytes.length));
    case 1:
      return Uint8Array.from([...bytes, ...bytes]);
    case 2: {
      const at = random.int(0, bytes.length);
      return Uint8Array.from([...bytes.slice(0, at), random.int(0, 255), ...bytes.slice(at)]);
    }
    default:
      return bytes;
  }
}
