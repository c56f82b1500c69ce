/** The reviewer's static checks, as the rest of the project uses them. */
export { type CheckOptions, type CodeToCheck, checkCode, closeChecks, reviewCode } from './check-code.ts';
export { type ExtractedCode, extractCode } from './extract-code.ts';
export { guessLanguage } from './languages.ts';
