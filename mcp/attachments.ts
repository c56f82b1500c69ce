/**
 * What an MCP tool answers besides text: pictures, sound, files, links and structured data, as parts of an A2A message.
 * Owns: the mapping in both directions, and how much of it is passed on. Pure.
 *
 * Parts travel in events, so what is too large for them is left out, and the text says so.
 */
import type { CallToolResult } from '@modelcontextprotocol/client';
import type { Part } from '../schemas/events/generated.ts';

/** All parts of one answer, as JSON; an event carries them several times at most, within its limit of 1 MiB. */
const BYTES_MAX = 256 * 1024;
const PARTS_MAX = 16;

type Block = CallToolResult['content'][number];

export interface Attached {
  readonly parts: readonly Part[];
  /** Blocks of the answer that are left out. */
  readonly leftOut: ReadonlySet<Block>;
}

export function attachmentsOf({ content, structuredContent }: CallToolResult): Attached {
  const parts: Part[] = [];
  const leftOut = new Set<Block>();
  let bytes = 0;
  const add = (part: Part, block?: Block): void => {
    const more = JSON.stringify(part).length;
    if (parts.length < PARTS_MAX && bytes + more <= BYTES_MAX) {
      parts.push(part);
      bytes += more;
    } else if (block !== undefined) {
      leftOut.add(block);
    }
  };
  for (const block of content) {
    const part = partOf(block);
    if (part !== null) add(part, block);
  }
  if (structuredContent !== undefined) add({ data: structuredContent, mediaType: 'application/json' });
  return { parts, leftOut };
}

/** Null for what is text. */
function partOf(block: Block): Part | null {
  switch (block.type) {
    case 'text':
      return null;
    case 'image':
    case 'audio':
      return { raw: block.data, mediaType: block.mimeType };
    case 'resource_link':
      return { url: block.uri, filename: block.name, ...typed(block.mimeType) };
    case 'resource': {
      const { resource } = block;
      if (!('blob' in resource)) return null;
      return { raw: resource.blob, filename: fileName(resource.uri), ...typed(resource.mimeType) };
    }
    default:
      throw new Error(`unknown content ${JSON.stringify(block satisfies never)}`);
  }
}

function typed(mimeType: string | undefined): { mediaType?: string } {
  return mimeType === undefined ? {} : { mediaType: mimeType };
}

function fileName(uri: string): string {
  return uri.split(/[?#]/, 1)[0]?.split('/').at(-1) ?? '';
}

/** A part as content of an MCP answer; null for data, which has a place of its own. */
export function blockOf({ raw, url, filename = '', mediaType = 'application/octet-stream' }: Part): Block | null {
  if (url !== undefined) {
    return { type: 'resource_link', uri: url, name: filename === '' ? url : filename, mimeType: mediaType };
  }
  if (raw === undefined) return null;
  if (mediaType.startsWith('image/')) return { type: 'image', data: raw, mimeType: mediaType };
  if (mediaType.startsWith('audio/')) return { type: 'audio', data: raw, mimeType: mediaType };
  const name = filename === '' ? 'file' : filename;
  return {
    type: 'resource',
    resource: { uri: `attachment:///${encodeURIComponent(name)}`, mimeType: mediaType, blob: raw },
  };
}
