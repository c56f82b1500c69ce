/** What a well-behaved client would ask, before it is spoiled. Owns: one request of each method. */
import type { JsonObject } from '@bufbuild/protobuf';

const id = '0b0ae3f0-7a0c-4c0e-9a54-0c8d3a1f2b11';
const message = {
  messageId: 'm',
  role: 'ROLE_USER',
  parts: [{ text: 'tool:clock {}' }],
  metadata: { workflow: 'tool' },
};
const config = {
  taskId: id,
  id: 'hook',
  url: 'https://192.0.2.1/',
  authentication: { scheme: 'Bearer', credentials: 'x' },
};

export const meshRequests: Readonly<Record<string, JsonObject>> = {
  Run: { prompt: 'tool:clock {}', workflow: 'tool', correlationId: id, timeLimit: '10s' },
  Submit: { prompt: 'tool:clock {}', workflow: 'tool', key: 'k', priority: 'PRIORITY_LOW' },
  Get: { correlationId: id },
  List: { pageSize: 5, states: ['TASK_STATE_COMPLETED'], caller: 'local', pageToken: 'x' },
  Watch: { correlationId: id, cursor: 'x', includeTokens: true },
  Cancel: { correlationId: id, reason: 'r' },
  Respond: { correlationId: id, text: 'yes', questionId: 'q1' },
  SendMessage: { correlationId: id, recipientRole: 'coder', parts: [{ text: 'x' }], messageId: 'm' },
  ListMessages: { correlationId: id, pageSize: 3, pageToken: 'x' },
  Fork: { correlationId: id, hop: 1, prompt: 'x', newCorrelationId: id },
  Search: { query: 'crash', limit: 3 },
  Registry: {},
  SetMode: { mode: 'MODE_SHIPPING' },
};

export const a2aRequests: Readonly<Record<string, object>> = {
  SendMessage: { message, configuration: { returnImmediately: true } },
  SendStreamingMessage: { message, configuration: { taskPushNotificationConfig: config } },
  GetTask: { id, historyLength: 1 },
  ListTasks: { pageSize: 3, contextId: id, statusTimestampAfter: '2026-01-01T00:00:00Z' },
  CancelTask: { id, metadata: { reason: 'r' } },
  SubscribeToTask: { id },
  CreateTaskPushNotificationConfig: config,
  GetTaskPushNotificationConfig: { taskId: id, id: 'hook' },
  ListTaskPushNotificationConfigs: { taskId: id },
  DeleteTaskPushNotificationConfig: { taskId: id, id: 'hook' },
  GetExtendedAgentCard: {},
  'message/send': { message: { kind: 'message', messageId: 'm', role: 'user', parts: [{ kind: 'text', text: 'x' }] } },
};

export const restPaths: readonly string[] = [
  ...['/message:send', '/message:stream', '/tasks', `/tasks/${id}`, `/tasks/${id}:cancel`, `/tasks/${id}:subscribe`],
  ...[`/tasks/${id}/pushNotificationConfigs`, `/tasks/${id}/pushNotificationConfigs/hook`, '/extendedAgentCard'],
  ...['/v1/message:send', '/v1/tasks', '/nothing', '/tasks/%ff', '/tasks/..%2f..', '//tasks', '/tasks?pageSize=x'],
];

export const daprEvent = {
  ...{ specversion: '1.0', id: 'e', source: '/fuzz', type: 't', datacontenttype: 'application/json' },
  ...{ data: { prompt: 'tool:clock {}', workflow: 'tool', deadlineMs: 10_000 }, traceparent: 'x', correlationid: id },
};

export const mcpRequests: readonly object[] = [
  {
    method: 'initialize',
    params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'fuzz', version: '1' } },
  },
  { method: 'tools/list', params: {} },
  { method: 'ping', params: {} },
  { method: 'tools/call', params: { name: 'task_status', arguments: { id, waitSeconds: 0 } } },
  { method: 'tools/call', params: { name: 'cancel', arguments: { id } } },
  { method: 'tools/call', params: { name: 'respond', arguments: { id, text: 'x', question: 'q1', waitSeconds: 0 } } },
  { method: 'tools/call', params: { name: 'search', arguments: { query: 'crash', limit: 2 } } },
  { method: 'tools/call', params: { name: 'run', arguments: { prompt: 'tool:clock {}', waitSeconds: 0, key: 'k' } } },
  { method: 'notifications/cancelled', params: { requestId: 1 } },
  { method: 'server/discover', params: {} },
];

/** As people and programs write to `mesh.tasks`. */
export const submissions: readonly object[] = [
  { prompt: 'tool:clock {}', workflow: 'tool', caller: 'fuzz', id },
  { ...daprEvent, type: 'dev.agentmesh.task.submitted.v1', data: { prompt: 'tool:clock {}', workflow: 'tool' } },
  { ...daprEvent, type: 'dev.agentmesh.task.cancel.requested.v1', data: { reason: 'r' } },
  { ...daprEvent, type: 'dev.agentmesh.task.input.provided.v1', data: { text: 'yes', messageId: 'm' } },
];
