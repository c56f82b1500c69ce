/**
 * `mesh import FILE`. Owns: taking in a trail that ran elsewhere, to be looked at. Does not own: its form and where it is
 * kept (trail-file.ts), or showing it (show.ts).
 */
import type { Command } from 'commander';
import { hint } from '../called.ts';
import { declare, settingsNow } from '../command.ts';
import { prepareHome } from '../supervisor/home.ts';
import { shortId } from '../task-text.ts';
import { plural, print, printJson } from '../terminal.ts';
import { importTrail } from '../trail-file.ts';

export function command(): Command {
  return declare({
    name: 'import',
    group: 'Tasks',
    summary: 'take in a trail that was exported elsewhere, to look at it',
    details:
      'It is kept as a file in MESH_HOME, beside the mesh: nothing of it is run, answered or counted as a task of this mesh.',
    examples: [
      ['import trail.json', 'take it in'],
      ['show 6f1c2d3e --imported', 'look at it; the mesh need not be up'],
    ],
  })
    .argument('<file>', 'a file of `mesh export`')
    .option('--json', 'print one JSON object')
    .action((file: string, options: { json?: true }) => {
      const settings = settingsNow();
      prepareHome(settings);
      const { taskId, facts } = importTrail(settings, file);
      if (options.json) return printJson({ taskId, events: facts.length });
      print(`Task ${taskId} was imported, ${plural(facts.length, 'event')}. Nothing of it runs here.`);
      print(hint(`Look at it with \`mesh show ${shortId(taskId)} --imported\`.`));
    });
}
