/**
 * What a fact says, in a line. Owns: the words for each kind of fact. Does not own: the whole of it, which is shown beside.
 */
import type { WireFact } from '../../../wire.ts';
import { percent } from './format.ts';
import { line } from './text.ts';

/** A fact may be of another release, and lack what this one expects. */
type Loose = Readonly<Record<string, unknown>>;

const record = (value: unknown): Loose => (typeof value === 'object' && value !== null ? (value as Loose) : {});
const text = (value: unknown): string =>
  typeof value === 'string' ? value : typeof value === 'number' ? `${value}` : '';

function join(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join(', ');
}

/** Empty when it has no words of its own. */
function said({ type, data }: WireFact): string {
  const of = record(data);
  switch (type) {
    case 'task.accepted':
      return text(of.prompt);
    case 'task.routed': {
      const { decision, confidence, reason } = record(of.route);
      return join(text(decision), typeof confidence === 'number' ? percent(confidence) : '', text(reason));
    }
    case 'hop.started':
      return join(`hop ${text(of.index)}`, `${text(of.step)} by ${text(of.role)}`);
    case 'hop.progress':
      return join(text(of.role), text(of.note));
    case 'hop.finished': {
      const { index, status, summary } = record(of.hop);
      return join(`hop ${text(index)}`, text(status), text(record(of.error).message) || text(summary));
    }
    case 'agent.message':
      return Array.isArray(of.parts) ? of.parts.map((part) => text(record(part).text)).join(' ') : '';
    case 'loop.advanced': {
      const { used, max } = record(of.loops);
      return join(text(of.verdict).replaceAll('_', ' '), `loop ${text(used)} of ${text(max)}`, text(of.next));
    }
    case 'task.input.required':
      return text(of.question);
    case 'task.input.accepted':
      return text(of.text);
    case 'task.completed':
    case 'task.failed':
    case 'task.cancelled': {
      const { outcome, answer, error } = record(of.result);
      return join(text(outcome), text(record(error).message) || text(answer));
    }
    default:
      return '';
  }
}

export function gistOf(fact: WireFact, max = 200): string {
  const found = line(said(fact), max);
  return found === '' ? line(JSON.stringify(fact.data)?.slice(0, 2 * max) ?? '', max) : found;
}

/** Whom it is about: the role at work rather than the one who tells. */
export function roleOf({ from, data }: WireFact): string {
  const { role, hop } = record(data);
  return text(record(hop).role) || (from === 'orchestrator' ? text(role) : '') || from;
}
