/** The limits of what is parsed, and what stays inside them (S8, S9). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeText,
  NESTING_MAX,
  nameOf,
  PAYLOAD_MAX_BYTES,
  parseEvent,
  parseJson,
  typeOf,
} from '../../../schemas/events/envelope.ts';
import { eventNames } from '../../../schemas/events/generated.ts';

const golden = join(import.meta.dirname, '../../../schemas/events/golden');
const submitted = readFileSync(join(golden, 'task.submitted.json'), 'utf8');

function codeOf(bytes: Uint8Array): string {
  const parsed = parseEvent(bytes);
  return parsed.ok ? 'ok' : parsed.rejection.code;
}

describe('size', () => {
  test('S8: one byte over the limit is too large, however it would parse', () => {
    expect(codeOf(Buffer.from(submitted.padEnd(PAYLOAD_MAX_BYTES)))).toBe('ok');
    expect(codeOf(Buffer.from(submitted.padEnd(PAYLOAD_MAX_BYTES + 1)))).toBe('too_large');
    expect(codeOf(Buffer.alloc(PAYLOAD_MAX_BYTES + 1, 0xff))).toBe('too_large');
  });

  test('S8: the limit counts bytes, not characters', () => {
    expect(decodeText(Buffer.from('ü'.repeat(PAYLOAD_MAX_BYTES / 2))).ok).toBe(true);
    expect(decodeText(Buffer.from('ü'.repeat(PAYLOAD_MAX_BYTES / 2 + 1)))).toMatchObject({
      rejection: { code: 'too_large' },
    });
  });

  test('S8: a prompt may have 262144 characters and no more', () => {
    const withPrompt = (length: number) =>
      Buffer.from(JSON.stringify({ ...JSON.parse(submitted), data: { prompt: 'p'.repeat(length) } }));
    expect(codeOf(withPrompt(262_144))).toBe('ok');
    expect(codeOf(withPrompt(262_145))).toBe('invalid_data');
  });
});

describe('text', () => {
  test.each([
    ['a byte that begins nothing', [0xff, 0xfe]],
    ['a cut-off sequence', [0x22, 0xe2, 0x82]],
    ['an overlong slash', [0xc0, 0xaf]],
    ['a surrogate in UTF-8', [0xed, 0xa0, 0x80]],
    ['Latin-1', [0x66, 0xfc, 0x72]],
  ])('S9: %s is not UTF-8', (_what, bytes) => {
    expect(decodeText(Uint8Array.from(bytes))).toMatchObject({ ok: false, rejection: { code: 'not_json' } });
  });

  test('UTF-16 is refused', () => {
    expect(codeOf(Buffer.from(submitted, 'utf16le'))).toBe('not_json');
  });
});

describe('depth', () => {
  const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;

  test('S8: as deep as the limit is fine, one deeper is not', () => {
    expect(parseJson(nested(NESTING_MAX + 1)).ok).toBe(true);
    expect(parseJson(nested(NESTING_MAX + 2))).toMatchObject({ rejection: { code: 'too_deep' } });
    expect(parseJson(`${'{"a":'.repeat(NESTING_MAX + 2)}1${'}'.repeat(NESTING_MAX + 2)}`)).toMatchObject({
      rejection: { code: 'too_deep' },
    });
  });

  test('S9: half a million brackets end nothing but themselves', () => {
    const parsed = parseJson(nested(500_000));
    expect(parsed.ok).toBe(false);
  });
});

describe('keys', () => {
  test('S9: a forbidden key is found however its letters are written', () => {
    const letter = fc.tuple(fc.boolean(), fc.boolean());
    const escaped = (word: string, choices: readonly (readonly [boolean, boolean])[]) =>
      [...word]
        .map((char, index) => {
          const [hidden = false, upper = false] = choices[index] ?? [];
          const hex = char.charCodeAt(0).toString(16).padStart(4, '0');
          return hidden ? `\\u${upper ? hex.toUpperCase() : hex}` : char;
        })
        .join('');
    fc.assert(
      fc.property(
        fc.constantFrom('__proto__', 'constructor', 'prototype'),
        fc.array(letter, { minLength: 11, maxLength: 11 }),
        (word, choices) => {
          const parsed = parseJson(`{"data":[{"${escaped(word, choices)}":1}]}`);
          expect(parsed).toMatchObject({ ok: false, rejection: { code: 'forbidden_key' } });
        },
      ),
    );
  });

  test('the words are allowed in texts', () => {
    const event = { ...JSON.parse(submitted), data: { prompt: 'Explain "__proto__" and "constructor": \u001b' } };
    expect(codeOf(Buffer.from(JSON.stringify(event)))).toBe('ok');
  });
});

test('S9: parsing never throws, whatever the bytes are', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(parseEvent(bytes).ok).toBe(false);
    }),
  );
});

test('S9: no change of a golden event makes parsing throw', () => {
  fc.assert(
    fc.property(fc.nat(submitted.length - 1), fc.string({ maxLength: 4 }), fc.nat(6), (at, put, cut) => {
      const text = submitted.slice(0, at) + put + submitted.slice(at + cut);
      expect(typeof parseEvent(Buffer.from(text)).ok).toBe('boolean');
    }),
  );
});

describe('types', () => {
  test('name and type lead to each other', () => {
    for (const name of eventNames) expect(nameOf(typeOf(name))).toBe(name);
  });

  test.each([
    '',
    'dev.agentmesh..v1',
    'dev.agentmesh.hop.requested.v10',
    'xdev.agentmesh.hop.requested.v1',
    'toString',
  ])('%j is no type of the mesh', (type) => {
    expect(nameOf(type)).toBeNull();
  });
});
