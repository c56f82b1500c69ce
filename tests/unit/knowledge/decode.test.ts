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
])('a page names its encoding: %s', (head, body, text) => {
  expect(textOf('a.html', page(head, body))).toContain(text);
});

test('XML names its own as well', () => {
  const bytes = Buffer.concat([Buffer.from('<?xml version="1.0" encoding="windows-1251"?><a>'), heron1251]);
  expect(textOf('a.xml', bytes)).toContain('Цапля');
});

test.each([
  ['Cyrillic', heron1251],
  ['Chinese', heronGbk],
  ['UTF-32', Buffer.from('fffe000041000000', 'hex')],
])('%s in an encoding that nothing names is no text', (_name, bytes) => {
  expect(textOf('a.txt', bytes)).toBeNull();
});

test('Western letters of an old encoding are read', () => {
  expect(textOf('a.txt', Buffer.from('Es läuft über die Straße, très sûr.', 'latin1'))).toContain('über');
  // No encoding of that name: as if none were named.
  expect(textOf('a.html', page('<meta charset="klingon">', Buffer.from('caf\xe9', 'latin1')))).toContain('café');
});

test('a notebook of the third format gives its cells', () => {
  const cells = [{ cell_type: 'code', input: ['run()'], outputs: [] }];
  expect(textOf('a.ipynb', Buffer.from(JSON.stringify({ worksheets: [{ cells }] })))).toContain('```python\nrun()');
});
