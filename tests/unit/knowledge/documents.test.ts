/** Documents, made here part by part: their text is found by its place, and what cannot be read is named with a reason. */
import { crc32, deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { readDocument } from '../../../knowledge/documents.ts';
import { workspace } from './workspace.ts';

/** A PDF of one line a page. */
function pdf(lines: readonly string[]): Buffer {
  const objects = ['<< /Type /Catalog /Pages 2 0 R >>'];
  const kids = lines.map((_, index) => `${4 + 2 * index} 0 R`).join(' ');
  objects.push(`<< /Type /Pages /Kids [${kids}] /Count ${lines.length} >>`);
  objects.push('<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>');
  for (const [index, line] of lines.entries()) {
    const text = `BT /F1 12 Tf 72 700 Td (${line}) Tj ET`;
    objects.push(
      `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents ${5 + 2 * index} 0 R /Resources << /Font << /F1 3 0 R >> >> >>`,
      `<< /Length ${text.length} >>\nstream\n${text}\nendstream`,
    );
  }
  let body = '%PDF-1.4\n';
  const places = objects.map((object, index) => {
    const place = body.length;
    body += `${index + 1} 0 obj\n${object}\nendobj\n`;
    return String(place).padStart(10, '0');
  });
  const table = `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${places.map((place) => `${place} 00000 n \n`).join('')}`;
  return Buffer.from(
    `${body}${table}trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${body.length}\n%%EOF\n`,
    'latin1',
  );
}

/** A zip archive (PKWARE's APPNOTE, sections 4.3.7 and 4.3.12). */
function zip(files: Readonly<Record<string, string | Buffer>>): Buffer {
  const locals: Buffer[] = [];
  const central: Buffer[] = [];
  let place = 0;
  for (const [name, text] of Object.entries(files)) {
    const bytes = Buffer.from(text);
    const packed = deflateRawSync(bytes);
    const shared = Buffer.alloc(26);
    shared.writeUInt16LE(20, 0);
    shared.writeUInt16LE(8, 4);
    shared.writeUInt32LE(crc32(bytes), 10);
    shared.writeUInt32LE(packed.length, 14);
    shared.writeUInt32LE(bytes.length, 18);
    shared.writeUInt16LE(name.length, 22);
    const local = Buffer.concat([Buffer.from('PK\u0003\u0004'), shared, Buffer.from(name), packed]);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(place, 10);
    central.push(Buffer.concat([Buffer.from('PK\u0001\u0002'), Buffer.from([20, 0]), shared, rest, Buffer.from(name)]));
    locals.push(local);
    place += local.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(central.length, 4);
  end.writeUInt16LE(central.length, 6);
  end.writeUInt32LE(directory.length, 8);
  end.writeUInt32LE(place, 12);
  return Buffer.concat([...locals, directory, Buffer.from('PK\u0005\u0006'), end]);
}

function docx(heading: string, text: string): Buffer {
  const space = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"';
  const relations = 'http://schemas.openxmlformats.org/package/2006/relationships';
  return zip({
    '[Content_Types].xml':
      '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>',
    '_rels/.rels': `<?xml version="1.0"?><Relationships xmlns="${relations}"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>`,
    'word/document.xml': `<?xml version="1.0"?><w:document ${space}><w:body><w:p><w:pPr><w:pStyle w:val="Heading1"/></w:pPr><w:r><w:t>${heading}</w:t></w:r></w:p><w:p><w:r><w:t>${text}</w:t></w:r></w:p></w:body></w:document>`,
    'word/styles.xml': `<?xml version="1.0"?><w:styles ${space}><w:style w:type="paragraph" w:styleId="Heading1"><w:name w:val="heading 1"/></w:style></w:styles>`,
    'word/_rels/document.xml.rels': `<?xml version="1.0"?><Relationships xmlns="${relations}"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/></Relationships>`,
  });
}

describe('documents', () => {
  it('a PDF is found by its pages', async () => {
    const { project, write, open } = workspace({ 'a.md': 'Nothing.' });
    write('zoo.pdf', pdf(['The lion sleeps.', 'The zebra is striped.']));
    const store = open();
    expect((await store.index([project])).skipped).toEqual([]);
    const [found] = await store.search('zebra');
    expect(found).toMatchObject({ path: 'project/zoo.pdf', heading: 'Page 2' });
    expect(found?.text).toContain('The zebra is striped.');
  });

  it('a Word document by its headings', async () => {
    const { project, write, open } = workspace({ 'a.md': 'Nothing.' });
    write('zoo.docx', docx('Animals', 'The zebra is striped.'));
    const store = open();
    expect((await store.index([project])).skipped).toEqual([]);
    expect((await store.search('zebra'))[0]).toMatchObject({ path: 'project/zoo.docx', heading: 'Animals' });
  });

  it('one that cannot be read is named, and ends nothing', async () => {
    const { project, write, open } = workspace({ 'a.md': 'Zebra.' });
    write('broken.pdf', Buffer.from('%PDF-1.4\nrubbish'));
    write('broken.docx', Buffer.from('PK\u0003\u0004rubbish'));
    const { added, skipped } = await open().index([project]);
    expect(added).toBe(1);
    expect(skipped.map(({ path, reason }) => [path, reason])).toEqual([
      ['project/broken.docx', 'damaged'],
      ['project/broken.pdf', 'damaged'],
    ]);
  });

  it('slides by their number and title, with what was noted', async () => {
    const relation = (id: string, target: string) => `<Relationship Id="${id}" Target="${target}"/>`;
    const shape = (kind: string, text: string) =>
      `<p:sp><p:nvPr><p:ph type="${kind}"/></p:nvPr><a:p><a:r><a:t>${text}</a:t></a:r></a:p></p:sp>`;
    const { project, write, open } = workspace({ 'a.md': 'Nothing.' });
    write(
      'zoo.pptx',
      zip({
        'ppt/presentation.xml': '<p:sldIdLst><p:sldId r:id="r2"/><p:sldId r:id="r1"/></p:sldIdLst>',
        'ppt/_rels/presentation.xml.rels': `${relation('r1', 'slides/slide1.xml')}${relation('r2', '/ppt/slides/slide2.xml')}`,
        'ppt/slides/slide1.xml': `${shape('title', 'Stripes')}${shape('body', 'A zebra &amp; its foal')}${shape('sldNum', '77')}`,
        'ppt/slides/slide2.xml': shape('title', 'Welcome'),
        'ppt/slides/_rels/slide1.xml.rels': relation('n', '../notesSlides/notesSlide1.xml'),
        'ppt/notesSlides/notesSlide1.xml': shape('body', 'Mention the quagga.'),
      }),
    );
    const store = open();
    expect((await store.index([project])).skipped).toEqual([]);
    const [found] = await store.search('quagga');
    expect(found?.heading).toBe('Slide 2: Stripes');
    expect(found?.text).toContain('A zebra & its foal');
    expect(found?.text).not.toContain('77');
  });

  it('a workbook by sheet and range, its dates as dates, and its first row with every block', async () => {
    const cell = (place: string, value: string, more = '') => `<c r="${place}" ${more}><v>${value}</v></c>`;
    const rows = Array.from(
      { length: 30 },
      (_, index) => `<row r="${index + 2}">${cell(`A${index + 2}`, String(index))}</row>`,
    );
    const { project, write, open } = workspace({ 'a.md': 'Nothing.' });
    write(
      'zoo.xlsx',
      zip({
        'xl/workbook.xml': '<sheets><sheet name="Animals" r:id="r1"/></sheets>',
        'xl/_rels/workbook.xml.rels': '<Relationship Id="r1" Target="worksheets/sheet1.xml"/>',
        'xl/sharedStrings.xml': '<sst><si><t>Name</t></si><si><r><t>Ze</t></r><r><t>bra</t></r></si></sst>',
        'xl/styles.xml': '<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs>',
        'xl/worksheets/sheet1.xml': `<row r="1">${cell('A1', '0', 't="s"')}</row>${rows.join('')}<row r="40">${cell('B40', '1', 't="s"')}${cell('C40', '45292', 's="1"')}</row>`,
      }),
    );
    const store = open();
    expect((await store.index([project])).skipped).toEqual([]);
    const [found] = await store.search('zebra');
    expect(found?.heading).toBe('Sheet Animals > A21:C40');
    expect(found?.text).toContain('| Name |');
    expect(found?.text).toContain('| Zebra | 2024-01-01 |');
  });

  it('a book by its chapters, in the order of its spine', async () => {
    const { project, write, open } = workspace({ 'a.md': 'Nothing.' });
    write(
      'zoo.epub',
      zip({
        'META-INF/container.xml': '<rootfile full-path="OEBPS/book.opf"/>',
        'OEBPS/book.opf':
          '<manifest><item id="b" href="two%20b.xhtml"/><item id="a" href="one.xhtml"/></manifest><spine><itemref idref="a"/><itemref idref="b"/></spine>',
        'OEBPS/one.xhtml': '<html><body><h1>Lions</h1><p>They sleep.</p></body></html>',
        'OEBPS/two b.xhtml': '<html><body><p>The zebra is striped.</p></body></html>',
      }),
    );
    const store = open();
    expect((await store.index([project])).skipped).toEqual([]);
    expect((await store.search('zebra'))[0]).toMatchObject({ path: 'project/zoo.epub', heading: 'Chapter 2' });
  });
});

describe('a hostile document', () => {
  const manifest = { 'xl/workbook.xml': '<sheets><sheet name="A" r:id="r"/></sheets>' };

  it('that is far larger inside is not unpacked', async () => {
    const bomb = zip({ ...manifest, 'xl/sharedStrings.xml': ' '.repeat(70 * 1024 * 1024) });
    expect(bomb.length).toBeLessThan(200_000);
    expect(await readDocument('a.xlsx', bomb)).toEqual({ reason: 'too-large-inside' });
  });

  it('that says to be small and is not is cut', async () => {
    const liar = zip({ ...manifest, 'xl/sharedStrings.xml': `<si><t>${'x'.repeat(5_000_000)}</t></si>` });
    const size = Buffer.alloc(4);
    size.writeUInt32LE(5_000_000 + '<si><t></t></si>'.length);
    for (let at = liar.indexOf(size); at >= 0; at = liar.indexOf(size, at + 4)) liar.writeUInt32LE(100, at);
    const read = await readDocument('a.xlsx', liar);
    expect('text' in read ? read.text.length : 0).toBeLessThan(1000);
  });

  it('with entities that grow does not grow', async () => {
    const lol = '<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>';
    const slide = `${lol}<p:sp><a:p><a:t>&c;&c; zebra</a:t></a:p></p:sp>`;
    const show = zip({
      'ppt/presentation.xml': '<p:sldId r:id="r"/>',
      'ppt/_rels/presentation.xml.rels': '<Relationship Id="r" Target="s.xml"/>',
      'ppt/s.xml': slide,
    });
    expect(await readDocument('a.pptx', show)).toEqual({ text: '# Slide 1\n\n&c;&c; zebra' });
  });

  it('with a password is named as such, empty ones as without text', async () => {
    const container = Buffer.from('d0cf11e0a1b11ae1', 'hex');
    const encrypted = Buffer.concat([container, Buffer.from('EncryptedPackage', 'utf16le')]);
    expect(await readDocument('a.docx', encrypted)).toEqual({ reason: 'protected' });
    // An old .doc under a new name.
    expect(await readDocument('a.docx', container)).toEqual({ reason: 'damaged' });
    expect(await readDocument('a.pdf', pdf(['']))).toEqual({ reason: 'no-text' });
    expect(await readDocument('a.epub', zip({ a: 'b' }))).toEqual({ reason: 'damaged' });
  });
});

describe('a workbook', () => {
  const text = (cell: string, value: string) => `<c r="${cell}" t="inlineStr"><is><t>${value}</t></is></c>`;
  const book = (rows: string, more: Record<string, string> = {}, sheets = '<sheet name="S" r:id="r1"/>') =>
    zip({
      'xl/workbook.xml': `<workbook>${sheets}</workbook>`,
      'xl/_rels/workbook.xml.rels': '<Relationship Id="r1" Target="worksheets/sheet1.xml"/>',
      'xl/worksheets/sheet1.xml': rows,
      ...more,
    });
  const rowsOf = async (bytes: Buffer): Promise<string[]> => {
    const read = await readDocument('a.xlsx', bytes);
    return 'text' in read ? read.text.split('\n').filter((line) => line.startsWith('|')) : [read.reason];
  };

  it('keeps empty cells, so that each stands below the head of its column', async () => {
    const rows = `<row r="1">${text('A1', 'Name')}${text('B1', 'Age')}${text('C1', 'City')}</row><row r="2">${text('A2', 'Zoe | Z')}${text('C2', 'Rome')}</row>`;
    expect(await rowsOf(book(rows))).toEqual(['| Name | Age | City |', '| Zoe \\| Z |  | Rome |']);
  });

  it('shows dates from 1904, shares and long numbers as its program does', async () => {
    const styles = {
      'xl/styles.xml': '<x:cellXfs><x:xf numFmtId="0"/><x:xf numFmtId="14"/><x:xf numFmtId="9"/></x:cellXfs>',
    };
    const rows =
      '<row r="1"><c r="A1" s="1"><v>43831</v></c><c r="B1" s="2"><v>0.25</v></c><c r="C1"><v>0.30000000000000004</v></c></row>';
    const sheets = '<workbookPr date1904="1"/><sheet name="S" r:id="r1"/>';
    expect(await rowsOf(book(rows, styles, sheets))).toEqual(['| 2024-01-02 | 25% | 0.3 |']);
  });

  it('is read whatever prefix its writer chose, and says that a sheet is hidden', async () => {
    const rows = '<x:row r="1"><x:c r="A1" t="inlineStr"><x:is><x:t>Zebra</x:t></x:is></x:c></x:row>';
    const hidden = book(rows, {}, '<x:sheets><x:sheet name="S" state="hidden" r:id="r1"/></x:sheets>');
    expect(await readDocument('a.xlsx', hidden)).toEqual({ text: '# Sheet S (hidden)\n\n## A1:A1\n\n| Zebra |' });
  });

  it('says where a long text was cut', async () => {
    const [row = ''] = await rowsOf(book(`<row r="1">${text('A1', 'word '.repeat(2000))}</row>`));
    expect(row.length).toBeGreaterThan(4000);
    expect(row).toMatch(/… \|$/);
  });
});

describe('a book', () => {
  const book = (chapter: string | Buffer, { href = 'one.xhtml', ...more }: { href?: string; locked?: string } = {}) =>
    zip({
      'META-INF/container.xml': '<c:container><c:rootfile full-path="b.opf"/></c:container>',
      'b.opf': `<opf:manifest><opf:item id="a" href="${href}"/></opf:manifest><opf:spine><opf:itemref idref="a"/></opf:spine>`,
      [href.replace('#top', '')]: chapter,
      ...(more.locked === undefined ? {} : { 'META-INF/encryption.xml': `<e:CipherReference URI="${more.locked}"/>` }),
    });
  const zebra = '<html><head><script src="a.js"/><title/></head><body><p>Zebra</p></body></html>';

  it.each([
    ['a place in its address', book(zebra, { href: 'one.xhtml#top' })],
    ['a percent sign in its address', book(zebra, { href: '100%.xhtml' })],
    ['UTF-16', book(Buffer.from(`\ufeff${zebra}`, 'utf16le'))],
    ['a font that is scrambled', book(zebra, { locked: 'fonts/a.otf' })],
  ])('with %s is read', async (_what, bytes) => {
    expect(await readDocument('a.epub', bytes)).toEqual({ text: '# Chapter 1\n\nZebra' });
  });

  it('whose chapters are encrypted is protected', async () => {
    expect(await readDocument('a.epub', book('\u0001x8f7', { locked: 'one.xhtml' }))).toEqual({ reason: 'protected' });
  });
});

it('a word that is parted at the end of a line of a PDF is whole', async () => {
  const read = await readDocument('a.pdf', pdf(['The configu-) Tj 0 -14 Td (ration file.']));
  expect(read).toEqual({ text: '# Page 1\n\nThe configuration file.\n' });
});
