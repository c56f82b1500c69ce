/**
 * What a line of code declares, told without a parser.
 *
 * Owns the patterns of declarations per language family. Does not own ranges: `chunk-code.ts` turns these answers into
 * chunks. A wrong guess costs a worse border or heading, never a lost line.
 */
import type { Family } from './languages.ts';

export interface FamilyRules {
  /** Each has the symbol as its first group; tried in order on a line at the top level. */
  declarations: readonly RegExp[];
  /** Columns of indentation that still count as the top level. */
  indentMax: number;
  /** Whether a statement after a blank line at the top level also begins a section, without a name. */
  statements: boolean;
  /** A declaration whose members deserve chunks of their own when it is too long for one. */
  container: RegExp;
}

const NEVER = /(?!)/;

const SCRIPT: readonly RegExp[] = [
  /^(?:export\s+)?(?:default\s+)?(?:declare\s+)?(?:abstract\s+)?(?:async\s+)?(?:function\b\s*\*?|class\b|interface\b|type\b|enum\b|namespace\b|module\b)\s*([\w$.]+)/,
  /^(?:export\s+)?(?:declare\s+)?(?:const|let|var)\s+([\w$]+)/,
  /^(?:module\.)?exports\.([\w$]+)\s*=/,
  /^(?:describe|test|it|suite|bench)(?:\.\w+)*\(\s*['"`](.+?)['"`]/,
  /^export\s+(default)\b/,
];

const RULES: Readonly<Record<Family, FamilyRules>> = {
  script: rules(SCRIPT, {
    container:
      /^(?:export\s+)?(?:default\s+)?(?:declare\s+)?(?:abstract\s+)?(?:class|interface|namespace|module)\b|^(?:describe|suite)\b|^(?:export\s+)?(?:const|let|var)\s+[\w$]+[^=]*=\s*[{[]\s*$/,
  }),
  python: rules(
    [/^(?:async\s+)?(?:def|class|module)\s+([\w.?!]+(?:::\w+)*)/, /^(\w+)\s*(?::[^=]+)?=[^=]/, /^(if __name__)/],
    {
      container: /^(?:class|module)\b/,
    },
  ),
  go: rules(
    [
      /^func\s+\([^)]*\)\s*(\w+)/,
      /^(?:func|type|var|const|package)\s+(\w+)/,
      /^(?:message|service|enum|input|interface|union|scalar)\s+(\w+)/,
    ],
    { container: /^(?:type\s+\w+\s+interface|service)\b/ },
  ),
  rust: rules(
    [
      /^(?:pub(?:\([^)]*\))?\s+)?(?:default\s+|async\s+|const\s+|unsafe\s+|extern\s+(?:"[^"]*"\s+)?)*(?:fn|struct|enum|trait|union|mod|type|const|static)\s+(?:mut\s+)?(\w+)/,
      /^(?:unsafe\s+)?impl(?:<[^{]*?>)?\s+(?:[\w:<>,'&\s]+\s+for\s+)?([\w:]+)/,
      /^macro_rules!\s*(\w+)/,
    ],
    { container: /^(?:pub(?:\([^)]*\))?\s+)?(?:unsafe\s+)?(?:impl|trait|mod)\b/ },
  ),
  java: rules(
    [
      /^(?:[\w@]+\s+)*?(?:class|interface|enum|record|struct|object|protocol|extension|namespace|trait)\s+([\w.]+)/,
      /^(?:[\w@]+\s+)*?(?:func|fun|function|def)\s+(\w+)/,
    ],
    { container: /\b(?:class|interface|enum|record|struct|object|protocol|extension|namespace|trait)\s/ },
  ),
  c: rules(
    [
      /^#\s*define\s+(\w+)/,
      /^(?:typedef\s+)?(?:struct|class|enum(?:\s+class)?|union|namespace)\s+(\w+)/,
      /^(?!(?:else|if|for|while|switch|return)\b)[\w:*&<>,~\s]*?([\w:~]+)\s*\([^;]*$/,
    ],
    { container: /^(?:class|namespace|struct)\b/ },
  ),
  shell: rules([/^(?:function\s+)?([\w:.-]+)\s*\(\)/, /^function\s+([\w:.-]+)/]),
  sql: rules([
    /^create\s+(?:or\s+replace\s+)?(?:temp\w*\s+)?(?:unique\s+)?(?:virtual\s+)?(?:materialized\s+)?(?:table|view|index|trigger|function|procedure|type|schema)\s+(?:if\s+not\s+exists\s+)?["`[]?([\w.]+)/i,
    /^(?:alter\s+table|insert\s+into|update|delete\s+from|drop\s+\w+)\s+["`[]?([\w.]+)/i,
  ]),
  markup: rules(
    [/^<(script|style|template|head|body|main|section|header|footer|nav|article|aside|form|table)\b/, ...SCRIPT],
    { indentMax: 2 },
  ),
  css: rules([/^([^\s}/*][^{]*?)\s*[{,]\s*$/]),
  yaml: rules([/^(?:-\s+)?["']?([\w./$-]+)["']?\s*:(?!=)/], { statements: false, container: /^[\w"'./$-]+\s*:\s*$/ }),
  json: rules([/^"([^"]+)"\s*:/], { statements: false, indentMax: 4, container: /[{[]\s*$/ }),
  sections: rules([/^\[+([^\]]+)\]/], { statements: false }),
  plain: rules([/^(?:local\s+)?function\s+([\w.:]+)/, /^(\w+(?:\s+"[^"]+")+)\s*\{/]),
};

function rules(declarations: readonly RegExp[], other: Partial<FamilyRules> = {}): FamilyRules {
  return { declarations, indentMax: 0, statements: true, container: NEVER, ...other };
}

export function rulesOf(family: Family): FamilyRules {
  return RULES[family];
}

/** The name declared by a line without its indentation, or null. */
export function symbolOf(line: string, rules: FamilyRules): string | null {
  for (const pattern of rules.declarations) {
    const symbol = pattern.exec(line)?.[1]?.trim();
    if (symbol) return symbol;
  }
  return null;
}

const NOT_A_MEMBER = new Set(['if', 'for', 'while', 'switch', 'return', 'catch', 'else', 'match', 'super', 'throw']);

/** The method, field or key declared by a line inside a container, without its indentation, or null. */
export function memberOf(line: string, rules: FamilyRules): string | null {
  const declared = symbolOf(line, rules);
  if (declared) return declared;
  const method = /^(?:[\w@<>[\],.?]+\s+)*[*#]?([\w$#~]+)\s*(?:<[^>(]*>)?\s*\(/.exec(line)?.[1];
  const key = /^["']?([\w$#-]+)["']?\??\s*[:=]/.exec(line)?.[1];
  const member = method ?? key ?? null;
  return member !== null && NOT_A_MEMBER.has(member) ? null : member;
}

/** Comments, decorators and attributes belong to what they stand above. */
export function isLead(line: string): boolean {
  return /^\s*(?:\/\/|\/\*|\*|#(?!\s*(?:define|include|if|endif|else|pragma))|@|--(?!-)|<!--)/.test(line);
}

/** A line that only closes what was opened above cannot begin anything. */
export function isClosing(line: string): boolean {
  return /^\s*(?:[)\]}>]|end\b|<\/|else\b|elif\b|except\b|finally\b|catch\b|EOF\b)/.test(line);
}
