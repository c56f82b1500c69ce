/** Nothing from outside reaches the terminal as anything but visible text: the cleaning, and the one place that prints. */
import { execFileSync, spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cleanLine, oneLine, safeText } from '../../../cli/clean-text.ts';
import { answerCommand } from '../../../cli/task-text.ts';
import { plainJson } from '../../../telemetry/plain-json.ts';
import { cpuMs } from '../../support/cpu-time.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const RLO = '\u202e';
const hostile: readonly (readonly [what: string, text: string, shown: string])[] = [
  ['a title', 'a\u001b]0;PWNED\u0007b', 'ab'],
  ['a title, ended by ST', 'a\u001b]0;PWNED\u001b\\b', 'ab'],
  ['the clipboard', 'a\u001b]52;c;cm0gLXJmIC8=\u0007b', 'ab'],
  ['a link', '\u001b]8;;http://evil.example\u001b\\here\u001b]8;;\u001b\\', 'here'],
  ['clearing', 'a\u001b[2J\u001b[Hb', 'ab'],
  ['hiding', '\u001b[8mhidden\u001b[0m', 'hidden'],
  ['C1', 'a\u009b31mb\u009d0;PWNED\u009cc', 'a<U+009B>31mb<U+009D>0;PWNED<U+009C>c'],
  ['a device string', 'a\u001bPq#0;2\u001b\\b', 'ab'],
  ['a program command', 'a\u001b_Gf=24\u001b\\b', 'ab'],
  ['a reset', 'a\u001bcb', 'ab'],
  ['sequences that make a sequence', '\u001b\u001b[2J[2Jx', '[2Jx'],
  ['a string without an end', 'a\u001b]0;PWNED', 'a0;PWNED'],
  ['overwriting', 'rm -rf /\rls        ', 'rm -rf /ls        '],
  ['erasing', 'abc\b\b\bxyz\u007f', 'abcxyz'],
  ['turning', `if (a) ${RLO}// b`, 'if (a) <U+202E>// b'],
  ['an isolate', '\u2066a\u2069', '<U+2066>a<U+2069>'],
  ['zero widths', 'pay\u200bpal\u2060\ufeff', 'pay<U+200B>pal<U+2060><U+FEFF>'],
  ['a joiner in a word that it joins nothing of', 'ru\u200dn', 'ru<U+200D>n'],
  ['words in tags', 'ok\u{e0072}\u{e006d}', 'ok<U+E0072><U+E006D>'],
  ['bytes in selectors', 'ok\ufe01\u{e0101}', 'ok<U+FE01><U+E0101>'],
  ['bytes in selectors behind an emoji', '😀\ufe0f\u{e0101}\u{e0102}', '😀\ufe0f<U+E0101><U+E0102>'],
  ['letters that are blank', 'a\u3164b\u115fc', 'a<U+3164>b<U+115F>c'],
  ['a row of joiners', '😀\u200d\u200d\u200c', '😀\u200d<U+200D><U+200C>'],
  ['notes between lines', 'a\ufff9b\ufffa', 'a<U+FFF9>b<U+FFFA>'],
];

describe('cleaning', () => {
  test.each(hostile)('%s', (_what, text, shown) => {
    expect(cleanLine(text)).toBe(shown);
    expect(safeText(text)).toBe(shown);
    expect(oneLine(text, 100)).not.toMatch(/\p{Cc}|\p{Bidi_Control}/u);
  });

  test('emoji and words of other scripts stay as they are', () => {
    for (const text of ['👩‍💻 ❤️‍🔥 1️⃣ #️⃣ 🏳️‍🌈', 'می‌خواهم', 'क्‍ष', '葛󠄀城', 'ä\u0308 ñ']) expect(cleanLine(text)).toBe(text);
  });

  test('a line break of any kind makes no second line', () => {
    expect(cleanLine('evil\n● completed')).toBe('evil⏎● completed');
    expect(cleanLine('evil\u2028● completed')).toBe('evil⏎● completed');
    expect(oneLine('evil\r\n\u2029● completed', 100)).toBe('evil ● completed');
  });

  test('takes a time in proportion to the text, whatever it is made of', () => {
    const beganMs = cpuMs();
    for (const unit of ['\u001b]', '\u001b]a', '\u001b[1;', '\u009d', '\u001b_;a', '\u001bP\u001b'])
      safeText(unit.repeat(300_000));
    // Node's own needs minutes for the first of them.
    expect(cpuMs() - beganMs).toBeLessThan(5000);
  });

  test('JSON stays the same value, without a character that a terminal obeys', () => {
    const value = {
      id: '\u009b31m',
      path: `a${RLO}b\u007f\u2028`,
      text: 'ä\u001b[2J\n✓',
      '\u{e0041}': 'a\u200bb\u{e0101}',
    };
    const json = plainJson(JSON.stringify(value));
    expect(json).not.toMatch(/\p{Cc}|\p{Default_Ignorable_Code_Point}|\u2028/u);
    expect(JSON.parse(json)).toEqual(value);
  });

  test('the command to copy is one word for a shell, whatever the choice is', () => {
    const question = { questionId: 'q1', choices: ["`id`$(id)\"; id 'x'"] };
    const command = answerCommand('6f1c2d3e-0000-4000-8000-000000000001', {
      ...{ question: '', reason: '', askedAtMs: 0 },
      ...question,
    } as unknown as Parameters<typeof answerCommand>[1]);
    const [word] = command.split('--question q1 ').slice(1);
    expect(execFileSync('/bin/sh', ['-c', `printf %s ${word}`], { encoding: 'utf8' })).toBe(question.choices[0]);
  });
});

/** Prints every text of its input by every function that prints, painted and not; colours are forced on. */
const PROGRAM = `
  const { print, printText, note, printJson, painter, out, statusLine, table } = await import('./cli/terminal.ts');
  const { text } = await import('node:stream/consumers');
  const paint = painter(out);
  for (const one of JSON.parse(await text(process.stdin))) {
    print(one);
    print(paint('red', one) + paint('bold', paint('dim', one)));
    note(paint('yellow', one));
    printText(one);
    printJson({ [one]: [one] });
    for (const line of table([[one, one], [paint('dim', one), 'x']])) print(line);
    statusLine(out).print(one);
  }
`;

function printed(texts: readonly string[]): { readonly stdout: string; readonly stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', PROGRAM], {
    ...{ cwd: root, input: JSON.stringify(texts), encoding: 'utf8', maxBuffer: 2 ** 28 },
    env: { ...process.env, FORCE_COLOR: '1', NO_COLOR: undefined },
  });
  expect([status, stderr.includes('Error')]).toEqual([0, false]);
  return { stdout, stderr };
}

describe('printing', () => {
  const STYLES = new RegExp(`${String.fromCharCode(0x1b)}\\[(?:1|2|22|3[1-7]|39|90)m`, 'g');

  test('nothing but our own colours and line breaks goes out, whatever is printed', () => {
    const sample = fc.sample(fc.string({ unit: 'binary', maxLength: 60 }), { numRuns: 100, seed: 7 });
    const nasty = hostile.map(([, text]) => text);
    const { stdout, stderr } = printed([...nasty, ...sample, 'forged\n● completed']);
    expect([stdout.includes('\u001b[31m'), stderr.includes('\u001b[33m')]).toEqual([true, true]);
    for (const output of [stdout, stderr])
      expect(output.replace(STYLES, '')).not.toMatch(/[^\P{Cc}\n\t]|\p{Bidi_Control}|[\u2028\u2029]/u);
  }, 240_000);

  test('a text from outside has no colours of its own, not even ours', () => {
    expect(printed(['\u001b[31mred\u001b[39m']).stdout.split('\n')[0]).toBe('red');
  });

  test('nothing of the command line prints past the one place', () => {
    const allowed = new Map([
      ['cli/terminal.ts', /./],
      // Both listen only: for the end of the queue, and for a reader that went away.
      ['cli/written.ts', /^ {4}stream\.write\('', |\[process\.stdout, process\.stderr\]\.map\(written\)/],
      // Before anything is loaded that an old Node could not read; it says the version of that Node, and nothing from outside.
      ['cli/bin.ts', /^ {2}process\.stderr\.write\($/],
      ['cli/main.ts', /^for \(const stream of \[process\.stdout, process\.stderr\]\)/],
    ]);
    const ways =
      /process\.(?:stdout|stderr)|console\.|\b(?:out|err|stream|stdout|stderr)\.(?:write|end|pipe)\(|fd: [12]\b|writeSync\([12],/;
    const found = globSync('cli/**/*.ts', { cwd: root }).flatMap((file) =>
      readFileSync(join(root, file), 'utf8')
        .split('\n')
        .filter((line) => ways.test(line) && allowed.get(file)?.test(line) !== true)
        .map((line) => `${file}: ${line.trim()}`),
    );
    expect(found).toEqual([]);
  });

  test('a program of the project has the terminal only for tests, benchmarks and the like', () => {
    const found = globSync('cli/**/*.ts', { cwd: root }).filter((file) =>
      /stdio: 'inherit'/.test(readFileSync(join(root, file), 'utf8')),
    );
    expect(found).toEqual(['cli/commands/test.ts']);
  });
});
