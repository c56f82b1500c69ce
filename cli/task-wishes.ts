/**
 * What a caller may wish of a task beside its prompt, as options of a command. Owns: reading them. Does not own: what
 * they mean (schemas/events/data/task.submitted.v1.json).
 */
import { Option } from 'commander';
import type { Priority } from '../schemas/events/generated.ts';
import type { Submission } from '../task-client/submissions.ts';
import { CliError } from './errors.ts';

export interface TaskWishes {
  readonly deadline?: string;
  readonly priority?: Priority;
  readonly waitForModel?: true;
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const DEADLINE_MS_MAX = 86_400_000;

export function wishOptions(): Option[] {
  return [
    new Option('--deadline <time>', 'end the task after this time of work: 90s, 10m, 2h; 1s to 24h'),
    new Option('--priority <priority>', 'how it stands beside other tasks where they wait').choices([
      'high',
      'normal',
      'low',
    ]),
    new Option('--wait-for-model', 'rather wait for the language model than have an answer without it'),
  ];
}

/** @throws CliError */
export function wishesIn({
  deadline,
  priority,
  waitForModel,
}: TaskWishes): Pick<Submission, 'timeLimitMs' | 'priority' | 'waitForModel'> {
  return {
    ...(deadline === undefined ? {} : { timeLimitMs: deadlineMsIn(deadline) }),
    ...(priority === undefined ? {} : { priority }),
    ...(waitForModel === undefined ? {} : { waitForModel }),
  };
}

function deadlineMsIn(text: string): number {
  const [, amount = '', unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text.trim()) ?? [];
  const ms = Math.round(Number(amount) * (UNITS[unit] ?? Number.NaN));
  if (amount === '' || !(ms >= 1000 && ms <= DEADLINE_MS_MAX))
    throw new CliError(2, `--deadline is a time from 1s to 24h, such as 90s, 10m or 2h: ${text.slice(0, 40)}`);
  return ms;
}
