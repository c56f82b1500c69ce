/** That a hop waits for its turn is told by gRPC as well, as long as it does. */
import { toJson } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { TaskSchema } from '../../../gateway/gen/mesh/v1/task_pb.ts';
import { taskOf } from '../../../gateway/grpc/convert.ts';
import { emptyView, type HopView } from '../../../schemas/events/task-view.ts';

const hop: HopView = {
  ...{ index: 1, step: 'respond', role: 'responder', attempt: 1, status: 'running' },
  ...{ engine: '', summary: '', ms: null },
};

test.each([
  ['that waits for the model', { waiting: { role: 'llm', ahead: 3 } }, { waiting: { role: 'llm', ahead: 3 } }],
  ['that is next', { waiting: { role: 'tools', ahead: 0 } }, { waiting: { role: 'tools' } }],
  ['at work', {}, {}],
])('a hop %s', (_what, more, told) => {
  const view = { ...emptyView('a1'), hops: [{ ...hop, ...more }] };
  const { hops } = toJson(TaskSchema, taskOf({ view, cursor: '1', traceparent: null })) as { hops: object[] };
  expect(hops).toEqual([{ index: 1, step: 'respond', role: 'responder', attempt: 1, status: 'running', ...told }]);
});
