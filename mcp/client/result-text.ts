/**
 * The answer of an MCP tool as text. Owns: the words for what is no text, and the limit. Pure.
 */
import type { CallToolResult } from '@modelcontextprotocol/client';
import type { Part } from '../../schemas/events/generated.ts';
import { attachmentsOf } from '../attachments.ts';

/** More is cut by whoever takes it; this keeps a huge answer from being built twice. */
const TEXT_CHARS_MAX = 1_000_000;

export interface ResultText {
  readonly text: string;
  /** What the answer has besides text. */
  readonly attachments: readonly Part[];
}

export function resultText(result: CallToolResult): ResultText {
  const { parts: attachments, leftOut } = attachmentsOf(result);
  const parts = result.content.map((block) => textOfBlock(block, leftOut.has(block))).filter((text) => text !== '');
  if (parts.length === 0 && result.structuredContent !== undefined)
    parts.push(JSON.stringify(result.structuredContent));
  const text = parts.join('\n');
  const left = text.length - TEXT_CHARS_MAX;
  const shown = left > 0 ? `${text.slice(0, TEXT_CHARS_MAX)}\n\n(${left} more characters were left out)` : text;
  return { text: shown, attachments };
}

function textOfBlock(block: CallToolResult['content'][number], isLeftOut: boolean): string {
  const fate = isLeftOut ? 'too large to be passed on' : 'attached';
  switch (block.type) {
    case 'text':
      return block.text;
    case 'image':
    case 'audio':
      return `(${block.type} ${block.mimeType}, ${Math.floor((block.data.length * 3) / 4)} bytes, ${fate})`;
    case 'resource_link':
      return `${block.name}: ${block.uri}`;
    case 'resource':
      return 'text' in block.resource
        ? block.resource.text
        : `(resource ${block.resource.uri}, ${block.resource.mimeType ?? 'of unknown type'}, ${fate})`;
    default:
      throw new Error(`unknown content ${JSON.stringify(block satisfies never)}`);
  }
}
