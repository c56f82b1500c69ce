/**
 * The scripted agent of A2A's compatibility kit, as an MCP server: one tool for each thing that the kit wants an agent to
 * answer. Owns: the tools. Does not own: which message calls which (`script.ts`).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { McpServer } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { z } from 'zod';

const looks = { readOnlyHint: true };
const file = z.object({ name: z.string(), mediaType: z.string() });

serveStdio(() => {
  const server = new McpServer({ name: 'kit', version: '1.0.0' });
  server.registerTool('say', { inputSchema: z.object({ text: z.string() }), annotations: looks }, ({ text }) => ({
    content: [{ type: 'text', text }],
  }));
  server.registerTool('file', { inputSchema: file, annotations: looks }, ({ name, mediaType }) => ({
    content: [
      {
        type: 'resource',
        resource: { uri: `file:///${name}`, mimeType: mediaType, blob: Buffer.from(name).toString('base64') },
      },
    ],
  }));
  server.registerTool('link', { inputSchema: file.extend({ url: z.string() }), annotations: looks }, (link) => ({
    content: [{ type: 'resource_link', uri: link.url, name: link.name, mimeType: link.mediaType }],
  }));
  server.registerTool('data', { inputSchema: z.object({ json: z.string() }), annotations: looks }, ({ json }) => {
    const structuredContent = z.record(z.string(), z.unknown()).parse(JSON.parse(json));
    return { content: [{ type: 'text', text: json }], structuredContent };
  });
  // Says nothing of repetition: when its time is up, nobody knows whether it was done, and the task asks.
  server.registerTool('act', { inputSchema: z.object({ ms: z.number() }) }, async ({ ms }) => {
    await sleep(ms);
    return { content: [{ type: 'text', text: 'done' }] };
  });
  return server;
});
