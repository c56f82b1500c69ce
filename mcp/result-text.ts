/**
 * The answer of an MCP tool as text. Owns: the words for what is no text, and the limit. Pure.
 */
import type { CallToolResult } from '@modelcontextprotocol/client';

/** More is cut by whoever takes it; this keeps a huge answer from being built twice. */
const TEXT_CHARS_MAX = 1_000_000;

export function resultText(result: CallToolResult): string {
  const parts = result.content.map(textOfBlock).filter((text) => text !== '');
  if (parts.length === 0 && result.structuredContent !== undefined)
    parts.push(JSON.stringify(result.structuredContent));
  const text = parts.join('\n');
  const left = text.length - TEXT_CHARS_MAX;
  return left > 0 ? `${text.slice(0, TEXT_CHARS_MAX)}\n\n(${left} more characters were left out)` : text;
}

function textOfBlock(block: CallToolResult['content'][number]): string {
  switch (block.type) {
    case 'text':
      return block.text;
    case 'image':
    case 'audio':
      return `(${block.type} ${block.mimeType}, ${Math.floor((block.data.length * 3) / 4)} bytes, not shown)`;
    case 'resource_link':
      return `${block.name}: ${block.uri}`;
    case 'resource':
      return 'text' in block.resource
        ? block.resource.text
        : `(resource ${block.resource.uri}, ${block.resource.mimeType ?? 'of unknown type'}, not shown)`;
    default:
      throw new Error(`unknown content ${JSON.stringify(block satisfies never)}`);
  }
}
