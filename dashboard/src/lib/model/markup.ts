/**
 * Text that a model wrote, as parts to show. Owns: reading Markdown into a tree of our own. Does not own: how a part
 * looks.
 *
 * Invariant: no HTML passes. Tags are text, an image is a link to it, and a link is followed only to http, https or
 * mailto; so nothing that a model writes runs, loads or hides.
 */
import { lexer, type Token } from 'marked';
import { plain } from './text.ts';

export type Inline =
  | { readonly kind: 'text' | 'code' | 'strong' | 'em' | 'del'; readonly text: string }
  | { readonly kind: 'link'; readonly text: string; readonly href: string }
  | { readonly kind: 'break' };

export type Block =
  | { readonly kind: 'paragraph' | 'quote'; readonly inlines: readonly Inline[] }
  | { readonly kind: 'heading'; readonly level: number; readonly inlines: readonly Inline[] }
  | { readonly kind: 'code'; readonly language: string; readonly text: string }
  | { readonly kind: 'list'; readonly ordered: boolean; readonly items: readonly (readonly Inline[])[] }
  | {
      readonly kind: 'table';
      readonly head: readonly (readonly Inline[])[];
      readonly rows: readonly (readonly (readonly Inline[])[])[];
    }
  | { readonly kind: 'rule' };

/** Longer texts are shown as they are: a reader of Markdown must not stall a page. */
const MARKDOWN_MAX = 60_000;

export function blocksOf(text: string): Block[] {
  if (text.length > MARKDOWN_MAX) return [{ kind: 'code', language: '', text: plain(text, MARKDOWN_MAX) }];
  return lexer(plain(text, MARKDOWN_MAX)).flatMap(blockOf);
}

function blockOf(token: Token): Block[] {
  switch (token.type) {
    case 'space':
    case 'def':
      return [];
    case 'hr':
      return [{ kind: 'rule' }];
    case 'heading':
      return [{ kind: 'heading', level: token.depth, inlines: inlinesOf(token.tokens ?? []) }];
    case 'code':
      return [{ kind: 'code', language: String(token.lang ?? ''), text: token.text }];
    case 'blockquote':
      return [{ kind: 'quote', inlines: inlinesOf(token.tokens ?? []) }];
    case 'list':
      return [{ kind: 'list', ordered: token.ordered === true, items: (token.items as Token[]).map(itemOf) }];
    case 'table': {
      const cells = (row: { tokens: Token[] }[]) => row.map((cell) => inlinesOf(cell.tokens));
      return [{ kind: 'table', head: cells(token.header), rows: token.rows.map(cells) }];
    }
    default:
      return [
        {
          kind: 'paragraph',
          inlines:
            'tokens' in token && token.tokens !== undefined
              ? inlinesOf(token.tokens)
              : [{ kind: 'text', text: token.raw }],
        },
      ];
  }
}

function itemOf(token: Token): Inline[] {
  return 'tokens' in token && token.tokens !== undefined
    ? inlinesOf(token.tokens)
    : [{ kind: 'text', text: token.raw }];
}

function inlinesOf(tokens: readonly Token[]): Inline[] {
  return tokens.flatMap((token): Inline[] => {
    switch (token.type) {
      case 'strong':
      case 'em':
      case 'del':
        return [{ kind: token.type, text: textOf(token) }];
      case 'codespan':
        return [{ kind: 'code', text: token.text }];
      case 'br':
        return [{ kind: 'break' }];
      case 'link':
      case 'image':
        // A bare address or something like one, `ruff@0.17` say, is text: nobody wrote a link.
        if (token.raw === token.text) return [{ kind: 'text', text: token.raw }];
        return [linkOf(textOf(token) || token.href, token.href)];
      case 'text':
      case 'paragraph':
        return 'tokens' in token && token.tokens !== undefined
          ? inlinesOf(token.tokens)
          : [{ kind: 'text', text: unescaped(token) }];
      case 'list':
        return (token.items as Token[]).flatMap((item): Inline[] => [
          { kind: 'break' },
          { kind: 'text', text: '– ' },
          ...itemOf(item),
        ]);
      case 'space':
        return [{ kind: 'break' }];
      default:
        return [{ kind: 'text', text: token.raw }];
    }
  });
}

function textOf(token: Token): string {
  return 'text' in token && typeof token.text === 'string' ? token.text : token.raw;
}

function unescaped(token: Token): string {
  return textOf(token);
}

function linkOf(text: string, href: string): Inline {
  const target = URL.canParse(href) ? new URL(href) : null;
  const isSafe = target !== null && ['http:', 'https:', 'mailto:'].includes(target.protocol);
  return isSafe
    ? { kind: 'link', text, href: target.href }
    : { kind: 'text', text: text === href ? text : `${text} (${href})` };
}
