/**
 * Code that stands around what was asked for, in its place: imports alone, declarations without a body, tests of what is not
 * there. Owns: telling so from the text. Does not own: what was asked for (asked-things.ts), empty bodies and placeholders
 * (code-checks/).
 *
 * Nothing is said where such a thing is itself what was asked for: an interface, a header, a test.
 */
import type { CodeArtifact } from '../../../schemas/events/generated.ts';
import { isAskedFor, kindsAskedFor } from './asked-things.ts';

const NO_COMMENTS =
  /\/\*[\s\S]*?\*\/|(?:^|(?<=\s))\/\/[^\n]*|"""[\s\S]*?"""|^[ \t]*#(?!include|define|if|endif|pragma|!)[^\n]*/gm;
/** In these a line that imports is one of the language, and not a statement of a style sheet or a page. */
const IMPORTING: ReadonlySet<string> = new Set(
  'python typescript tsx javascript jsx go java kotlin rust c cpp csharp php swift scala ruby'.split(' '),
);
const IMPORT =
  /^(?:import\b|from \S+ import\b|package [\w.]+;?$|use [\w:\\]|using [\w.]+;|#include\b|#pragma once|require(?:_relative)?\b|(?:const|let|var) [^=]+= require\(|["'][^"']*["'],?;?$|[\w*, {}]+\}? from ['"]|[(){},]+;?$|<\?php$|[\w, ]+,?$)/;

/** What is the matter, in a sentence; null when the code is what it may be. */
export function missingCode(
  { language, text }: Pick<CodeArtifact, 'language' | 'text'>,
  prompt: string,
): string | null {
  const bare = text.replace(NO_COMMENTS, '').trim();
  if (bare === '') return null;
  if (areImports(language, bare) && !isAskedFor('import', prompt, /\b(?:imports?|re-?exports?|includes?|requires?)\b/i))
    return 'There are imports and no code that uses them.';
  if (areTests(bare) && !isAskedFor('test', prompt, /\b(?:tests?|tested|testing|specs?|tdd|pytest|unittest)\b/i))
    return 'There are tests, and not the code that they test.';
  const kinds = kindsAskedFor(prompt);
  if (kinds.has('body') && !kinds.has('declaration') && areDeclarations(language, bare))
    return 'There are declarations, and no code that does what they name.';
  return null;
}

function areImports(language: string, bare: string): boolean {
  const lines = bare.split('\n').map((line) => line.trim());
  const written = lines.filter((line) => line !== '');
  // The names in a list of several lines are imports only behind a line that begins as one.
  return (
    IMPORTING.has(language) &&
    /^(?:import|from|package|use|using|#include|#pragma|require|const|let|var|<\?php)\b|^[#<]/.test(bare) &&
    written.every((line) => IMPORT.test(line))
  );
}

const TEST_MARKS =
  /\b(?:unittest|pytest|testing\.T|@Test\b|describe\(|assert|expect\(|it\(|test\()|#\[test\]|\[(?:Fact|Test|TestMethod)\]/;
const FUNCTIONS =
  /^[ \t]*(?:export )?(?:pub |public |private |static |async |final )*(?:def|func|fn|fun|function|void|int)\s+(?:\([^)]*\)\s*)?([\p{L}_$][\p{L}\p{N}_$]*)\s*\(/gmu;
const OF_TESTS = /^(?:test|_?set_?up|_?tear_?down|before|after|main|should|it_|check_?add)/i;

/** Whatever is declared is a test, and something else is tested. */
function areTests(bare: string): boolean {
  if (!TEST_MARKS.test(bare)) return false;
  const names = [...bare.matchAll(FUNCTIONS)].map((match) => match[1] ?? '');
  if (names.length > 0) return names.some((name) => /^test/i.test(name)) && names.every((name) => OF_TESTS.test(name));
  return (
    /^\s*(?:describe|test|it)\(\s*['"`]/m.test(bare) &&
    !/^(?:export )?(?:const|let|class)\s+\w+\s*=\s*(?:async )?\(/m.test(bare)
  );
}

function areDeclarations(language: string, bare: string): boolean {
  switch (language) {
    case 'typescript':
    case 'tsx':
      return !/=>|\breturn\b/.test(bare) && onlyOf(bare, /^(?:export )?(?:declare\b|interface\b|type\b|import\b)/);
    case 'c':
    case 'cpp':
      return (
        !/[{}="]/.test(bare.replace(/^#.*$/gm, '').replace(/extern "C" \{|\}/g, '')) &&
        /\w[\s*]+\w+\s*\([^()]*\)\s*;/.test(bare)
      );
    case 'java':
    case 'csharp':
    case 'kotlin':
    case 'php':
    case 'go':
      return (
        /\binterface\b/.test(bare) && !/\b(?:class|record|enum|object|return|default|func \w+\(|func \()/.test(bare)
      );
    default:
      return false;
  }
}

/** Every statement at the left margin begins so. */
function onlyOf(bare: string, start: RegExp): boolean {
  return bare.split('\n').every((line) => /^(?:\s|[})\]]|$)/.test(line) || start.test(line));
}
