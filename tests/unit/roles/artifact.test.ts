/** A kind of artifact that a role declares: made, carried, given to later hops, shown at every door without one knowing it. */
import { toJson } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { defineArtifact } from '../../../actors/roles/artifact.ts';
import { artifactsOf } from '../../../gateway/a2a/convert.ts';
import { TaskSchema } from '../../../gateway/gen/mesh/v1/task_pb.ts';
import { taskOf } from '../../../gateway/grpc/convert.ts';
import { validateData } from '../../../schemas/events/envelope.ts';
import { emptyView } from '../../../schemas/events/task-view.ts';
import { answered } from './support/samples.ts';
import { completes, resultOf, underWay } from './support/task-story.ts';
import { workflow } from './support/workflows.ts';

interface Plan extends Record<string, unknown> {
  readonly steps: readonly string[];
}

const plan = defineArtifact<Plan>({
  kind: 'plan',
  schema: {
    type: 'object',
    properties: { steps: { type: 'array', items: { type: 'string' } } },
    required: ['steps'],
  },
  text: ({ steps }) => steps.map((step, at) => `${at + 1}. ${step}`).join('\n'),
});
const notes = defineArtifact<{ text: string }>({ kind: 'notes', schema: { type: 'object' }, text: ({ text }) => text });
const planned = { engine: 'planner', summary: 'planned', ...plan.made({ steps: ['dig', 'plant'] }) };

test('what a role makes is the answer where nobody puts it into words, with its data in the result', () => {
  const story = underWay(workflow('direct')).when(completes(planned));
  const result = resultOf(story);
  expect(result.answer).toBe('1. dig\n2. plant');
  expect(result.artifacts).toEqual({ plan: { data: { steps: ['dig', 'plant'] }, text: '1. dig\n2. plant' } });
  expect(validateData('task.completed', { result }).ok).toBe(true);
});

test('a later hop is given it, and another kind beside it', () => {
  const story = underWay(workflow('answer')).when(completes(planned));
  const { input } = story.sent('hop.requested');
  expect(plan.given(input)).toEqual({ steps: ['dig', 'plant'] });
  expect(notes.given(input)).toBeNull();
  story.when(completes({ ...answered, ...notes.made({ text: 'wet soil' }) }));
  expect(Object.keys(resultOf(story).artifacts ?? {})).toEqual(['plan', 'notes']);
});

test('A2A shows it as text and data, by the name of its kind', () => {
  const result = resultOf(underWay(workflow('direct')).when(completes(planned)));
  const shown = artifactsOf(result).find(({ artifactId }) => artifactId === 'plan');
  expect(shown).toMatchObject({ description: '1. dig' });
  expect(JSON.stringify(shown?.parts)).toContain('"steps":["dig","plant"]');
});

test('gRPC has its text, and its data as a Struct', () => {
  const result = resultOf(underWay(workflow('direct')).when(completes(planned)));
  const task = taskOf({ view: { ...emptyView('a1'), result }, cursor: '1', traceparent: null });
  const shown = toJson(TaskSchema, task) as { result: { artifacts: unknown } };
  expect(shown.result.artifacts).toEqual([
    { kind: 'plan', text: '1. dig\n2. plant', data: { steps: ['dig', 'plant'] } },
  ]);
});

describe('what is refused', () => {
  test('data that its schema does not take, made or given', () => {
    const message = 'This is no plan: plan/steps/0 must be string.';
    const wrong = { steps: [1] } as unknown as Plan;
    expect(() => plan.made(wrong)).toThrow(message);
    const input = { prompt: 'x', artifacts: { plan: { data: { ...wrong }, text: '' } } };
    expect(() => plan.given(input)).toThrow(expect.objectContaining({ code: 'bad_artifact', retryable: false }));
  });

  test.each(['Plan', 'code', ''])('the name %s', (kind) => {
    expect(() => defineArtifact({ kind, schema: {}, text: () => '' })).toThrow(/artifact/);
  });
});
