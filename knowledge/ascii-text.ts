/**
 * Texts of ASCII alone, which most of code is: there a class of letters is a range, and its pattern takes a fraction of the
 * time. Owns: telling them, and the pattern for them. Does not own: what is looked for.
 */

// biome-ignore lint/suspicious/noControlCharactersInRegex: all beyond ASCII is meant
const BEYOND_ASCII = /[^\u0000-\u007f]/;

/** The members of a Unicode class that ASCII has; within brackets. */
const RANGES: Readonly<Record<string, string>> = { L: 'A-Za-z', Lu: 'A-Z', Ll: 'a-z', N: '0-9' };

export function isAscii(text: string): boolean {
  return !BEYOND_ASCII.test(text);
}

/**
 * What matches a pattern, which finds all of it in any text.
 * @param source of a pattern whose Unicode classes all stand within brackets
 */
export function matcher(source: string): (text: string) => readonly string[] {
  const any = new RegExp(source, 'gu');
  const ascii = new RegExp(
    source.replaceAll(/\\p\{(\w+)\}/g, (_, name: string) => {
      const range = RANGES[name];
      if (range === undefined) throw new Error(`no range of ASCII for the class ${name}`);
      return range;
    }),
    'g',
  );
  return (text) => text.match(isAscii(text) ? ascii : any) ?? [];
}
