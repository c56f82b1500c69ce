/**
 * A real MCP server on standard input and output with tools that misbehave when asked to. Each call is written to the
 * file named by CALLS before anything else, so that a test counts what was really done.
 */
import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { McpServer } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { z } from 'zod';

const KEY = 'dev.agentmesh/idempotency-key';
const calls = process.env.CALLS ?? '';

function noted(tool: string, meta: Readonly<Record<string, unknown>> | undefined): void {
  if (calls !== '') appendFileSync(calls, `${JSON.stringify({ tool, pid: process.pid, key: meta?.[KEY] ?? null })}\n`);
}

/** A picture of one pixel. */
const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGBgAAAABQABpfZFQAAAAABJRU5ErkJggg==';

const text = (said: string) => ({ content: [{ type: 'text' as const, text: said }] });

serveStdio(() => {
  const server = new McpServer({ name: 'odd', version: '1.0.0' });
  const ms = z.object({ ms: z.number() });
  const add = (name: string, annotations: { readOnlyHint?: boolean; idempotentHint?: boolean }): void => {
    server.registerTool(
      name,
      { description: `waits: ${name}`, inputSchema: ms, annotations },
      async (args, context) => {
        noted(name, context.mcpReq._meta);
        await sleep(args.ms);
        return text(`${name} waited ${args.ms} ms`);
      },
    );
  };
  add('look', { readOnlyHint: true });
  add('put', { idempotentHint: true });
  add('act', {});
  server.registerTool(
    'big',
    { inputSchema: z.object({ bytes: z.number() }), annotations: { readOnlyHint: true } },
    ({ bytes }) => text('x'.repeat(bytes)),
  );
  server.registerTool('show', { inputSchema: z.object({}), annotations: { readOnlyHint: true } }, () => ({
    content: [
      { type: 'text', text: 'here it is' },
      { type: 'image', data: PIXEL, mimeType: 'image/png' },
      { type: 'resource', resource: { uri: 'file:///out/plan.bin', mimeType: 'application/x-plan', blob: 'aGVsbG8=' } },
      { type: 'resource_link', uri: 'https://example.org/more', name: 'more', mimeType: 'text/html' },
    ],
  }));
  server.registerTool('show_much', { inputSchema: z.object({}), annotations: { readOnlyHint: true } }, () => ({
    content: [{ type: 'image', data: 'A'.repeat(400_000), mimeType: 'image/png' }],
  }));
  server.registerTool('fail', { inputSchema: z.object({}), annotations: { readOnlyHint: true } }, () => ({
    ...text('the printer is on fire'),
    isError: true,
  }));
  server.registerTool('throw', { inputSchema: z.object({}), annotations: { readOnlyHint: true } }, () => {
    throw new Error('thrown in the tool');
  });
  server.registerTool(
    'blurt',
    { inputSchema: z.object({ words: z.string() }), annotations: { readOnlyHint: true } },
    ({ words }) => {
      process.stderr.write(`called with ${words}\n`, () => process.exit(1));
      return new Promise<never>(() => undefined);
    },
  );
  server.registerTool('grow', { inputSchema: z.object({ name: z.string() }), annotations: {} }, ({ name }) => {
    server.registerTool(name, { inputSchema: z.object({}) }, () => text(`I am ${name}`));
    return text('grown');
  });
  return server;
});
