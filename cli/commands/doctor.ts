/**
 * `mesh doctor`. Owns: the report. Does not own: the checks (doctor-checks.ts).
 */

import type { Command } from 'commander';
import { hint } from '../called.ts';
import { declare, settingsNow } from '../command.ts';
import { allChecks, type Check } from '../doctor-checks.ts';
import { out, painter, plural, print, printJson, type Style, table } from '../terminal.ts';

export function command(): Command {
  return declare({
    name: 'doctor',
    group: 'Care',
    summary: 'check this machine and its settings, and say what to do',
    details: 'Exit code 0 when nothing fails, 2 for a wrong setting, 3 when something is missing or damaged.',
    examples: [
      ['doctor', 'a readable report'],
      ['doctor --json', 'for a program'],
    ],
  })
    .option('--json', 'print one JSON object')
    .action((options: { json?: true }) => doctor(options.json === true));
}

const signs: Readonly<Record<Check['status'], readonly [sign: string, style: Style]>> = {
  ok: ['✓', 'green'],
  warn: ['!', 'yellow'],
  fail: ['✗', 'red'],
};

async function doctor(json: boolean): Promise<void> {
  const checks = await allChecks(settingsNow());
  const failed = checks.filter((check) => check.status === 'fail');
  process.exitCode = failed[0]?.exitCode ?? (failed.length > 0 ? 3 : 0);
  if (json)
    return printJson({ ok: failed.length === 0, checks: checks.map(({ exitCode: _exitCode, ...check }) => check) });
  const paint = painter(out);
  const rows = checks.map(({ name, status, text }) => {
    const [sign, style] = signs[status];
    return [paint(style, sign), name, status === 'ok' ? paint('dim', hint(text)) : hint(text)];
  });
  for (const line of table(rows)) print(line);
  print(failed.length === 0 ? 'Nothing stands in the way.' : `${plural(failed.length, 'check')} failed.`);
}
