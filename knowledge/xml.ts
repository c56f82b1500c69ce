/**
 * XML of documents. Owns: reading its elements as they come. Entities of a document's own are not expanded: what it declares
 * is passed over, so none can grow.
 */
import { Parser } from 'htmlparser2';

export interface XmlReader {
  open?(name: string, attributes: Readonly<Record<string, string>>): void;
  text?(text: string): void;
  close?(name: string): void;
}

export function readXml(xml: string, { open, text, close }: XmlReader): void {
  const parser = new Parser(
    {
      onopentag: (name, attributes) => open?.(name, attributes),
      ontext: (data) => text?.(data),
      onclosetag: (name) => close?.(name),
    },
    { xmlMode: true },
  );
  parser.end(xml);
}

/** Without the prefix of its namespace, which each writer chooses. */
export function localName(name: string): string {
  return name.slice(name.indexOf(':') + 1);
}

/** The attributes of every element of that name, whatever its prefix, or with the one that is named; in their order. */
export function elementsOf(xml: string | null, name: string): Readonly<Record<string, string>>[] {
  const found: Readonly<Record<string, string>>[] = [];
  readXml(xml ?? '', {
    open: (own, attributes) => (own === name || localName(own) === name) && found.push(attributes),
  });
  return found;
}
