/**
 * The honest last resort of the code purpose: a typed function that says it has no body.
 * Owns its wording. The reviewer's `placeholder` rule finds it in every language, so it is never approved.
 */
import { subjectWords } from '../../../prompting/terms.ts';
import type { Lack } from '../../../prompting/without-model.ts';

/** The reviewer's checks look for these words (checks/universal-check.ts). */
function reasonOf(lack: Lack): string {
  return lack.reason === 'no_model' ? 'no language model is configured' : 'no language model has written this';
}

const NAME_WORDS_MAX = 4;

/** A function for the prompt in the language, or a comment where the language's syntax is not known here. */
export function skeleton(
  prompt: string,
  language: string,
  { attempt, lack }: { readonly attempt: number; readonly lack: Lack },
): string {
  const reason = reasonOf(lack);
  const words = subjectWords(prompt)
    .map((word) => word.replace(/[^a-z0-9]/g, ''))
    .filter((word) => /^[a-z]/.test(word))
    .slice(0, NAME_WORDS_MAX);
  const asked = prompt.replace(/\s+/g, ' ').replaceAll('*/', '* /').trim().slice(0, 200);
  const note = attempt > 1 ? ` (attempt ${attempt})` : '';
  switch (language) {
    case 'typescript':
    case 'tsx': {
      const name = camelCase(words);
      return `/** Asked for: ${asked}${note} */\nexport function ${name}(..._inputs: unknown[]): unknown {\n  throw new Error('${name}: ${reason}');\n}\n`;
    }
    case 'javascript':
    case 'jsx': {
      const name = camelCase(words);
      return `/** Asked for: ${asked}${note} */\nexport function ${name}(..._inputs) {\n  throw new Error('${name}: ${reason}');\n}\n`;
    }
    case 'python': {
      const name = words.length > 0 ? words.join('_') : 'asked_for';
      return `# Asked for: ${asked}${note}\ndef ${name}(*inputs: object) -> object:\n    raise NotImplementedError("${reason}")\n`;
    }
    case 'json':
      return `${JSON.stringify({ askedFor: `${asked}${note}`, problem: reason }, null, 2)}\n`;
    case 'yaml':
    case 'ruby':
    case 'shell':
      return `# Asked for: ${asked}${note}\n# ${reason}\n`;
    case 'sql':
      return `-- Asked for: ${asked}${note}\n-- ${reason}\n`;
    default:
      return `// Asked for: ${asked}${note}\n// ${reason}\n`;
  }
}

/** Words that may not name a function. */
const RESERVED =
  /^(?:break|case|catch|class|const|continue|debugger|default|delete|do|else|enum|export|extends|false|finally|for|function|if|import|in|instanceof|new|null|return|static|super|switch|this|throw|true|try|typeof|var|void|while|with|yield|let|await|async|package|private|public|protected|interface|implements|eval|arguments)$/;

function camelCase(words: readonly string[]): string {
  const name = words.map((word, index) => (index === 0 ? word : word.charAt(0).toUpperCase() + word.slice(1))).join('');
  if (name === '') return 'askedFor';
  return RESERVED.test(name) ? `${name}It` : name;
}
