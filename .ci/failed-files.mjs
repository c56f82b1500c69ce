/**
 * The test files that failed, one a line; nothing when they are so many that the machine is not what failed them.
 * Usage: node .ci/failed-files.mjs results.json (of vitest's JSON reporter)
 */
import { existsSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';

const FILES_MAX = 3;
const [, , results] = process.argv;
const { testResults = [] } = existsSync(results) ? JSON.parse(readFileSync(results, 'utf8')) : {};
const failed = testResults.filter(({ status }) => status === 'failed').map(({ name }) => relative('', name));
if (failed.length <= FILES_MAX) for (const file of failed) console.log(file);
