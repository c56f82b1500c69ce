/** The process that reads syntax: one question on standard input, one answer on standard output. Owns: nothing else. */
import { text } from 'node:stream/consumers';
import { checkSyntax } from './syntax-check.ts';

const { language, text: source } = JSON.parse(await text(process.stdin)) as { language: string; text: string };
process.stdout.write(JSON.stringify(await checkSyntax(language, source)));
