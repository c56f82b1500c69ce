/**
 * The closing line of a test run: `N passed, N failed`. Usage: node .ci/summary.mjs results.json [again.json]; a file that
 * ran again counts as it ended then.
 */
import { existsSync, readFileSync } from 'node:fs';

const results = process.argv.slice(2).filter((path) => existsSync(path));
const files = new Map();
for (const path of results)
  for (const file of JSON.parse(readFileSync(path, 'utf8')).testResults) files.set(file.name, file);
const tests = [...files.values()].flatMap(({ assertionResults }) => assertionResults);
const count = (wanted) => tests.filter(({ status }) => status === wanted).length;
console.log(`${count('passed')} passed, ${count('failed')} failed`);
