/**
 * The state chart of a task. Owns: its states, the ways between them with how often each was taken, and where they stand.
 * Does not own: a DOM; positions are in pixels of a box that is as wide as it is told.
 */
import type { WorkflowShape } from '../../../wire.ts';
import type { TaskStory } from './story.ts';

export interface ChartState {
  readonly name: string;
  /** For people. */
  readonly label: string;
  readonly sub: string;
  readonly visits: number;
  readonly here: boolean;
  readonly tone: 'plain' | 'done' | 'running' | 'waiting' | 'failed' | 'cancelled';
  readonly x: number;
  readonly y: number;
}

export interface ChartWay {
  readonly key: string;
  readonly from: string;
  readonly to: string;
  readonly taken: number;
  /** Of an SVG path. */
  readonly d: string;
  readonly labelX: number;
  readonly labelY: number;
}

export interface Chart {
  readonly width: number;
  readonly height: number;
  readonly states: readonly ChartState[];
  readonly ways: readonly ChartWay[];
  readonly nodeWidth: number;
  readonly nodeHeight: number;
}

const NODE_HEIGHT = 52;
const NODE_WIDTH_MAX = 148;
const DOWN_GAP = 34;
const ACROSS_GAP_MIN = 34;
const MARGIN = 12;
const ARC = 46;

const ends = ['completed', 'failed', 'cancelled'];

export function chartOf(story: TaskStory, shape: WorkflowShape | null, boxWidth: number): Chart {
  const steps = shape?.steps ?? story.steps.map((step) => ({ ...step, optional: false }));
  // A step may be called as one of the states around it: it is one state then.
  const names = [...new Set(['accepted', 'route', ...steps.map(({ step }) => step)])];
  const last = story.path.at(-1) ?? 'accepted';
  const isEnded = ends.includes(last);
  for (const name of [...(story.path.includes('person') ? ['person'] : []), isEnded ? last : 'completed'])
    if (!names.includes(name)) names.push(name);
  for (const visited of story.path) if (!names.includes(visited)) names.splice(names.length - 1, 0, visited);
  const roleOf = new Map(steps.map(({ step, role }) => [step, role]));
  const taken = counted(story.path);
  const planned = names.slice(1).map((name, at): [string, string] => [names[at] ?? '', name]);
  const shown = planned.filter(([from, to]) => from !== 'person' && to !== 'person');
  // A task whose next round is decided by the router goes back by it.
  const isByRouter = taken.has(`${shape?.loop?.review}\nroute`) && taken.has(`route\n${shape?.loop?.revise}`);
  if (shape?.loop != null && !isByRouter) shown.push([shape.loop.review, shape.loop.revise]);
  const pairs = new Map(
    [...shown, ...taken.keys().map((key) => key.split('\n'))].map(([from = '', to = '']) => [
      `${from}\n${to}`,
      [from, to] as const,
    ]),
  );
  const leaps = [...pairs.values()].map(([from, to]) => names.indexOf(to) - names.indexOf(from));
  const place = placing(names.length, boxWidth, {
    over: leaps.some((by) => by > 1),
    under: leaps.some((by) => by < 1),
  });
  const states = names.map((name, at) => ({
    ...{ name, label: labelOf(name), sub: roleOf.get(name) ?? subOf(name, story) },
    visits: story.path.filter((one) => one === name).length,
    here: name === last,
    tone: toneOf(name, story, last),
    ...place.at(at),
  }));
  const ways = [...pairs].flatMap(([key, [from, to]]) => {
    const [a, b] = [names.indexOf(from), names.indexOf(to)];
    if (a < 0 || b < 0) return [];
    return [{ key, from, to, taken: taken.get(key) ?? 0, ...place.way(a, b) }];
  });
  return {
    ...{ width: place.width, height: place.height, states, ways },
    nodeWidth: place.nodeWidth,
    nodeHeight: NODE_HEIGHT,
  };
}

function counted(path: readonly string[]): Map<string, number> {
  const taken = new Map<string, number>();
  for (const [at, to] of path.entries()) {
    const from = path[at - 1];
    if (from !== undefined) taken.set(`${from}\n${to}`, (taken.get(`${from}\n${to}`) ?? 0) + 1);
  }
  return taken;
}

function labelOf(name: string): string {
  return name === 'person' ? 'a person' : name;
}

function subOf(name: string, story: TaskStory): string {
  if (name === 'accepted') return 'in the log';
  if (name === 'route') return story.route?.decision ?? 'router';
  if (name === 'person') return 'was asked';
  return story.result !== null && ends.includes(name) ? story.result.outcome : 'end';
}

function toneOf(name: string, story: TaskStory, last: string): ChartState['tone'] {
  const visited = story.path.includes(name);
  if (!visited) return 'plain';
  if (name === 'failed' || name === 'cancelled') return name;
  if (name !== last || name === 'completed') return 'done';
  return name === 'person' ? 'waiting' : 'running';
}

interface Placing {
  readonly width: number;
  readonly height: number;
  readonly nodeWidth: number;
  at(index: number): { x: number; y: number };
  way(from: number, to: number): { d: string; labelX: number; labelY: number };
}

/** Whether ways lead over the states, or under them. */
interface Arcs {
  readonly over: boolean;
  readonly under: boolean;
}

/** Side by side where there is room, below each other where there is not. */
function placing(count: number, boxWidth: number, arcs: Arcs): Placing {
  const across = (boxWidth - 2 * MARGIN - (count - 1) * ACROSS_GAP_MIN) / count;
  return across >= 92
    ? acrossPlacing(count, boxWidth, Math.min(NODE_WIDTH_MAX, across), arcs)
    : downPlacing(count, boxWidth);
}

function acrossPlacing(count: number, width: number, nodeWidth: number, { over, under }: Arcs): Placing {
  const gap = count > 1 ? (width - 2 * MARGIN - count * nodeWidth) / (count - 1) : 0;
  const y = MARGIN + (over ? ARC + 18 : 0);
  const left = (at: number): number => MARGIN + at * (nodeWidth + gap);
  const middle = y + NODE_HEIGHT / 2;
  return {
    ...{ width, nodeWidth, height: y + NODE_HEIGHT + MARGIN + (under ? ARC + 18 : 0) },
    at: (at) => ({ x: left(at), y }),
    way(from, to) {
      const [a, b] = [left(from) + nodeWidth, left(to)];
      if (to === from + 1) return { d: `M${a} ${middle}H${b - 2}`, labelX: (a + b) / 2, labelY: middle - 8 };
      const back = to < from;
      const [x1, x2] = [left(from) + nodeWidth / 2, left(to) + nodeWidth / 2];
      const edge = back ? y + NODE_HEIGHT : y;
      const bend = back ? edge + ARC : edge - ARC;
      const labelY = back ? edge + ARC * 0.75 + 14 : edge - ARC * 0.75 - 6;
      return {
        d: `M${x1} ${edge}C${x1} ${bend} ${x2} ${bend} ${x2} ${back ? edge + 2 : edge - 2}`,
        labelX: (x1 + x2) / 2,
        labelY,
      };
    },
  };
}

function downPlacing(count: number, width: number): Placing {
  const nodeWidth = Math.min(NODE_WIDTH_MAX, width - 2 * MARGIN - 2 * ARC);
  const x = (width - nodeWidth) / 2;
  const top = (at: number): number => MARGIN + at * (NODE_HEIGHT + DOWN_GAP);
  const centre = width / 2;
  return {
    ...{ width, nodeWidth, height: top(count - 1) + NODE_HEIGHT + MARGIN },
    at: (at) => ({ x, y: top(at) }),
    way(from, to) {
      const [a, b] = [top(from) + NODE_HEIGHT, top(to)];
      if (to === from + 1) return { d: `M${centre} ${a}V${b - 2}`, labelX: centre + 12, labelY: (a + b) / 2 + 4 };
      const back = to < from;
      const edge = back ? x + nodeWidth : x;
      const bend = back ? edge + ARC : edge - ARC;
      const [y1, y2] = [top(from) + NODE_HEIGHT / 2, top(to) + NODE_HEIGHT / 2];
      return {
        d: `M${edge} ${y1}C${bend} ${y1} ${bend} ${y2} ${back ? edge + 2 : edge - 2} ${y2}`,
        labelX: edge + (back ? 30 : -30),
        labelY: (y1 + y2) / 2,
      };
    },
  };
}
