/**
 * A name that stands twice in one object of a JSON text: of the two `JSON.parse` keeps the last, and whoever wrote the other
 * never hears of it (RFC 8259, section 4). Owns: finding it, for files that people write. Does not own: what else is wrong.
 */
import { visit } from 'jsonc-parser';

export interface DoubledKey {
  /** Where its object is, and its name. */
  readonly path: readonly string[];
  /** Of the second one, from 1. */
  readonly line: number;
}

/** The first one; null when there is none. The text is JSON. */
export function doubledKey(text: string): DoubledKey | null {
  const open: Set<string>[] = [];
  let found: DoubledKey | null = null;
  visit(text, {
    onObjectBegin: () => void open.push(new Set()),
    onObjectEnd: () => void open.pop(),
    onObjectProperty(name, _offset, _length, line, _character, pathOf) {
      const names = open.at(-1);
      if (names?.has(name) && found === null) found = { path: [...pathOf().map(String), name], line: line + 1 };
      names?.add(name);
    },
  });
  return found;
}

/** What is said of it, after the name of its file: its field and why it is refused. */
export function doubledWords({ path, line }: DoubledKey, separator: string): string {
  return `${path.join(separator)}: it stands there twice (again in line ${line}): leave one of them`;
}
