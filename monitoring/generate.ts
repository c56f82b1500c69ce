/**
 * Writes the board and the alerts as Grafana and Prometheus read them: `node monitoring/generate.ts`, part of
 * `npm run generate`. Owns: the files. Does not own: what is in them.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { alerts } from './alerts.ts';
import { board } from './board.ts';

export const boardPath: string = join(import.meta.dirname, 'grafana', 'agent-mesh.json');
export const alertsPath: string = join(import.meta.dirname, 'prometheus', 'alerts.yaml');
const PAGES = 'docs/alerts';

export function boardText(): string {
  return `${JSON.stringify(board(), null, 2)}\n`;
}

export function alertsText(): string {
  const rules = alerts.map(({ name, expr, for: holds, severity, summary }) => ({
    alert: name,
    expr,
    for: holds,
    labels: { severity },
    annotations: { summary, runbook: `${PAGES}/${name}.md` },
  }));
  const text = stringify({ groups: [{ name: 'agent-mesh', rules }] }, { lineWidth: 0 });
  return `# Made by monitoring/generate.ts from monitoring/alerts.ts.\n${text}`;
}

if (import.meta.main) {
  writeFileSync(boardPath, boardText());
  writeFileSync(alertsPath, alertsText());
}
