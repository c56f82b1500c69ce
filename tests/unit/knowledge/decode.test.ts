/** Bytes as text: what is read in another encoding than its own would be found by nobody. */
import { expect, test } from 'vitest';
import { textOf } from '../../../knowledge/decode.ts';

/** `Цапля` in windows-1251 and in KOI8-R, `苍鹭每年春天` in GBK. */
const heron1251 = Buffer.from('d6e0efebff', 'hex');
const heronKoi8 = Buffer.from('e3c1d0ccd1', 'hex');
const heronGbk = Buffer.from('b2d4f0d8c3bfc4eab4bacceb', 'hex');
const page = (head: string, body: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`<html><head>${head}</head><body><p>`), body, Buffer.from('</p></body></html>')]);

test.each([
  ['<meta charset="windows-1251">', heron1251, 'Цапля'],
  ['<meta http-equiv="Content-Type" content="text/html; charset=koi8-r">', heronKoi8, 'Цапля'],
  ["<meta charset='gbk'>", heronGbk.subarray(0, 4), '苍鹭'],
])('a page names its encoding: %s', async (head, body, text) => {
  expect(await textOf('a.html', page(head, body))).toContain(text);
});

test('XML names its own as well', async () => {
  const bytes = Buffer.concat([Buffer.from('<?xml version="1.0" encoding="windows-1251"?><a>'), heron1251]);
  expect(await textOf('a.xml', bytes)).toContain('Цапля');
});

test.each([
  ['Cyrillic', heron1251],
  ['Chinese', heronGbk],
  ['UTF-32', Buffer.from('fffe000041000000', 'hex')],
])('%s in an encoding that nothing names is no text', async (_name, bytes) => {
  expect(await textOf('a.txt', bytes)).toBeNull();
});

test('Western letters of an old encoding are read', async () => {
  expect(await textOf('a.txt', Buffer.from('Es läuft über die Straße, très sûr.', 'latin1'))).toContain('über');
  // No encoding of that name: as if none were named.
  expect(await textOf('a.html', page('<meta charset="klingon">', Buffer.from('caf\xe9', 'latin1')))).toContain('café');
});

test('a notebook of the third format gives its cells', async () => {
  const cells = [{ cell_type: 'code', input: ['run()'], outputs: [] }];
  expect(await textOf('a.ipynb', Buffer.from(JSON.stringify({ worksheets: [{ cells }] })))).toContain(
    '```python\nrun()',
  );
});

test.each([
  ['UTF-16 without its mark', 'a.txt', Buffer.from('The zebra runs.\n', 'utf16le'), 'The zebra runs.\n'],
  ['the same, the other way round', 'a.txt', Buffer.from('The zebra runs.\n', 'utf16le').swap16(), 'The zebra runs.\n'],
  ['UTF-8 that was cut in a letter', 'a.txt', Buffer.from('Größe, Straße, Ä').subarray(0, -1), 'Größe, Straße, \ufffd'],
  ['lines of an old Macintosh', 'a.md', Buffer.from('# A\rOne\r'), '# A\nOne\n'],
  [
    'a picture inside',
    'a.md',
    Buffer.from(`![](data:image/png;base64,${'iVBO'.repeat(99)}) Zebra`),
    '![](data:image/png;base64,…) Zebra',
  ],
  [
    'a source that names its encoding',
    'a.py',
    Buffer.from('# -*- coding: iso-8859-2 -*-\na = "\xb1"\n', 'latin1'),
    '# -*- coding: iso-8859-2 -*-\na = "ą"\n',
  ],
])('%s', async (_what, path, bytes, text) => {
  expect(await textOf(path, bytes)).toBe(text);
});

test('Japanese in an encoding that nothing names is no text', async () => {
  expect(await textOf('a.txt', Buffer.from('8356837d8345837d', 'hex'))).toBeNull();
});

test('a notebook says what its cells said, where that is text, and of a long one the beginning', async () => {
  const cell = (outputs: object[]) => ({ cell_type: 'code', source: 'run()', outputs });
  const cells = [
    cell([{ output_type: 'stream', text: ['answer ', '42'] }, { data: { 'text/plain': 'ok', 'image/png': 'iVBO' } }]),
    cell([{ output_type: 'error', ename: 'ZeroDivisionError', evalue: 'division by zero' }]),
    cell([{ output_type: 'stream', text: 'row '.repeat(1000) }]),
  ];
  const text = await textOf('a.ipynb', Buffer.from(JSON.stringify({ cells })));
  expect(text).toContain('```\nanswer 42\nok\n```');
  expect(text).toContain('ZeroDivisionError: division by zero');
  expect(text).not.toContain('iVBO');
  expect(text?.length).toBeLessThan(1500);
});

test.each([
  ['<p>caf&eacute; &hearts; &le; &aring;</p>', 'café ♥ ≤ å\n\n'],
  ['<a title="a > b">Zebra</a>', 'Zebra'],
  ['<p>Zebra</p><script>var secret = 1;', 'Zebra\n\n'],
  ['<p hidden>No</p><p style="display: none">No</p><p>Zebra</p>', 'Zebra\n\n'],
  ['<table><tr><th>Name<th>Legs<tr><td><p>Zebra</p><td>4</table>', '| Name | Legs |\n| Zebra | 4 |\n'],
  ['<ul><li><p>One</p></li><li>Two</li></ul>', '- One\n\n- Two\n\n'],
  [
    '<pre><code class="language-js">if (a &lt; b) {\n  go();\n}</code></pre>',
    '```js\nif (a < b) {\n  go();\n}\n```\n\n',
  ],
  ['<h2>Ze<br>bra</h2><p>It runs.</p>', '## Ze bra\n\nIt runs.\n\n'],
  ['<?xml version="1.0"?><p><![CDATA[a < b]]></p><script src="a"/><p>Zebra</p>', 'a < b\n\nZebra\n\n'],
  ['<img src="a.png" alt="A zebra">', 'A zebra'],
])('of a page what is seen: %s', async (page, text) => {
  expect(await textOf('a.html', Buffer.from(page))).toBe(text);
});

test('a page of marks that nothing closes takes no longer for each of them', async () => {
  const page = Buffer.from('<script <pre><!-- <h1><td>'.repeat(40_000));
  expect(typeof (await textOf('a.html', page))).toBe('string');
});
