/**
 * The tools every mesh has, as the rest of the project uses them. Owns the list and its order; tools of MCP servers
 * come from elsewhere and implement the same port.
 */
import { calculatorTool } from './calculator.ts';
import { checkCodeTool } from './check-code-tool.ts';
import { clockTool } from './clock.ts';
import { convertTool } from './convert.ts';
import { dateTool } from './date-tool.ts';
import { listFilesTool, readFileTool, searchFilesTool } from './file-tools.ts';
import { httpGetTool, httpPostOnceTool, httpPostTool } from './http-tools.ts';
import type { Tool } from './port.ts';
import { base64Tool, hashTool, uuidTool } from './text-tools.ts';

export { type ChosenTool, chooseTool, namesOf } from './choose-tool.ts';
export {
  type Fence,
  type Tool,
  type ToolArguments,
  type ToolCaps,
  type ToolContext,
  type ToolDefinition,
  ToolError,
  type ToolErrorCode,
  type ToolMatch,
} from './port.ts';

export interface BuiltinToolOptions {
  /** Hosts the HTTP tools may speak to (`host`, `host:port`, `*.domain`); none by default. */
  readonly allowHosts?: readonly string[];
  /** For one HTTP request with its redirects each, milliseconds; 15,000 by default. */
  readonly httpTimeoutMs?: number;
  /** Folder that the file tools may read; they say how to set it while it is null. */
  readonly workspace?: string | null;
  /** The clock; the system's by default. */
  readonly now?: () => Date;
}

export function builtinTools(options: BuiltinToolOptions = {}): Tool[] {
  const http = { allowHosts: options.allowHosts ?? [], timeoutMs: options.httpTimeoutMs ?? 15_000 };
  const now = options.now ?? (() => new Date());
  const workspace = { root: options.workspace ?? null };
  return [
    convertTool(),
    calculatorTool(),
    dateTool(now),
    clockTool(now),
    hashTool(),
    base64Tool(),
    uuidTool(),
    listFilesTool(workspace),
    readFileTool(workspace),
    searchFilesTool(workspace),
    checkCodeTool(),
    httpGetTool(http),
    httpPostTool(http),
    httpPostOnceTool(http),
  ];
}
