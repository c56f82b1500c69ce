/**
 * What is wrong in any language: nothing there, merge markers left over, a placeholder in place of code.
 * Owns the rules `empty`, `merge-marker` and `placeholder`; syntax and types are the language checks' business.
 */
import type { Finding } from '../schemas/events/generated.ts';

/**
 * Texts that mean "the code goes here". Each needs a statement or a comment around it: the words "not implemented"
 * alone may be part of an honest message.
 */
const PLACEHOLDERS: readonly RegExp[] = [
  /\bTODO\b[:\s(-]*(?:implement|add|write|fill|complete|finish)/i,
  /\bthrow new Error\(\s*['"`][^'"`]*not (?:yet )?implemented/i,
  /\bthrow new NotImplemented\w*\(/,
  /\b(?:todo|unimplemented)!\s*\(/,
  /(?:\/\/|#|\/\*|--)\s*(?:\.\.\.\s*)?(?:your|the rest of(?: the)?|rest of(?: the)?|remaining|existing) (?:code|logic|implementation)\b/i,
  /(?:\/\/|#|\/\*)\s*(?:\.{3}|…)\s*(?:\*\/)?\s*$/,
  /(?:\/\/|#|\/\*|--|<!--)\s*(?:\.\.\.|…)?\s*(?:(?:add|put|insert|write|place) )?(?:your |the |actual |real )?(?:\w+ )?(?:code|logic|implementation) (?:goes |comes )?here\b/i,
  /(?:\/\/|#|\/\*|--|<!--)\s*\(?(?:\.\.\.|…)?\s*(?:same|unchanged|identical) (?:as|code)\b|(?:\/\/|#|\/\*|--|<!--)\s*(?:\.\.\.|…).{0,40}\b(?:unchanged|omitted|same|existing|remains?)\b/i,
  /(?:\/\/|#|\/\*|--|<!--)\s*(?:implementation|code|body|details?) (?:is )?(?:omitted|left out|elided)\b/i,
  /\b(?:panic|fatalError)\(\s*"[^"]*(?:not (?:yet )?implemented|unimplemented|todo)/i,
  /\bthrow new UnsupportedOperationException\(/,
  /(?<![\w.])TODO\(\s*(?:"[^"]*"\s*)?\)/,
  /^\s*(?:\/\/|#|\/\*|--|<!--)\s*(?:please )?(?:implement|write|add|insert|put) (?:the |your |this )?(?:[\w-]+ ){0,3}here\b/i,
  /no language model (?:is configured|has written this)/i,
];

/** Of Ruby; a class that another one extends may leave its methods to that one. */
const RUBY_LEFT = /^[ \t]*def [^\n]*\n\s*raise NotImplementedError[^\n]*\n\s*end\b/m;

/** Findings that hold whatever the language is. */
export function universalFindings(text: string): Finding[] {
  if (text.trim() === '') {
    return [{ severity: 'error', line: 0, rule: 'empty', message: 'There is no code to check.' }];
  }
  const findings: Finding[] = [];
  text.split(/\r?\n/).forEach((content, index) => {
    const line = index + 1;
    if (/^(?:<{7}|>{7})(?: |$)/.test(content)) {
      findings.push({ severity: 'error', line, rule: 'merge-marker', message: 'A merge marker was left in the text.' });
    }
    if (PLACEHOLDERS.some((pattern) => pattern.test(content))) {
      findings.push({
        severity: 'error',
        line,
        rule: 'placeholder',
        message: `A placeholder stands where code should be: ${content.trim().slice(0, 120)}`,
      });
    }
  });
  const [left] = RUBY_LEFT.exec(text) ?? [];
  if (left !== undefined && !/^[ \t]*class \w+\s*<\s*\w/m.test(text)) {
    const message = 'A method only says that it is not implemented.';
    findings.push({ severity: 'error', line: 0, rule: 'placeholder', message });
  }
  return findings;
}
