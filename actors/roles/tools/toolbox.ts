/**
 * All tools of a mesh, built-in ones, its own and those of MCP servers, as the tools role and the process around it use them.
 * Owns: finding a tool, waiting for servers that are starting, and what can be said of the tools. Does not own: a tool,
 * its caps (guard.ts), who may have it run (policy.ts), or how a repeated call is fenced (the runtime).
 *
 * Tools load at their first use: building the calculator takes most of a second, and a restart must be quick.
 */
import type { McpServers } from '../../../mcp/client/port.ts';
import type { Breakers } from '../../../resilience/breakers.ts';
import type { Share } from '../../../schemas/events/generated.ts';
import { ARGUMENTS_SHOWN_MAX } from '../consent.ts';
import { builtinNames } from './builtin/names.ts';
import { type Fence, type Tool, type ToolAnswer, type ToolArguments, ToolError } from './builtin/port.ts';
import { createGuard, type GuardedCall } from './guard.ts';
import { type Offers, offersFor } from './offers.ts';
import type { ToolPolicy } from './policy.ts';

/** A prompt may mean a tool of a server that is still starting; the step has more time than this. */
const SERVERS_WAIT_MS = 15_000;

export interface Chosen {
  readonly name: string;
  readonly fence: Fence;
  readonly arguments: ToolArguments;
  /** It may run once a person has said yes; absent when it may run at once. */
  readonly asks?: boolean;
}

/** Whose work it is, for the policy. */
export interface For {
  readonly share?: Share;
  /** A person has said yes to this tool with these arguments. */
  readonly consented?: boolean;
}

/** A tool as it is shown to others: a model that chooses, or a client of `mesh mcp`. */
export interface ToolSummary {
  readonly name: string;
  readonly description: string;
  readonly inputSchema: object;
  readonly fence: Fence;
}

export interface Toolbox {
  /** The tool that a prompt means, with its arguments. @throws ToolError, `no_tool` when its words mean none */
  choose(prompt: string, whose: For): Promise<Chosen>;
  /** The tools that a model may be offered for a prompt, within bounds. */
  offers(prompt: string, whose: For): Promise<Offers>;
  /** A choice that somebody else made. @throws ToolError when there is no such tool or it takes other arguments */
  check(name: string, args: ToolArguments, whose: For): Promise<Chosen>;
  /** @throws ToolError, EffectError `breaker_open`, or the signal's reason */
  run(name: string, args: ToolArguments, call: GuardedCall): Promise<string | ToolAnswer>;
}

export interface WholeToolbox extends Toolbox {
  /** Loads the built-in tools. */
  list(): Promise<ToolSummary[]>;
  /** Names, without loading anything. */
  names(): string[];
  load(): { readonly running: number; readonly waiting: number };
}

export interface ToolboxOptions {
  readonly allowHosts: readonly string[];
  readonly workspace: string | null;
  /** Tools that the mesh brings itself. */
  readonly own?: readonly Tool[];
  readonly mcp: McpServers;
  readonly breakers: Breakers;
  readonly policy: ToolPolicy;
}

export function createToolbox(options: ToolboxOptions): WholeToolbox {
  const { allowHosts, workspace, own: brought = [], mcp, breakers, policy } = options;
  const guard = createGuard(breakers);
  let opened: ReturnType<typeof load> | undefined;
  const load = async () => {
    const [builtin, { createMcpTools }] = await Promise.all([import('./builtin/index.ts'), import('./mcp-tools.ts')]);
    const own = [...builtin.builtinTools({ allowHosts, workspace }), ...brought];
    const ofServers = createMcpTools(mcp);
    return {
      all: (): readonly Tool[] => [...own, ...ofServers()],
      choose: builtin.chooseTool,
      namesOf: builtin.namesOf,
    };
  };
  const open = () => {
    opened ??= load();
    return opened;
  };
  const connected = async (): Promise<void> => {
    mcp.start();
    await mcp.settled(SERVERS_WAIT_MS);
  };
  const isOfServer = (name: string): boolean => mcp.states().some((server) => name.startsWith(`${server.name}.`));
  /** @throws ToolError */
  const found = async (name: string): Promise<Tool> => {
    const { all } = await open();
    const find = () => all().find((tool) => tool.name === name);
    const known = find();
    if (known) return known;
    if (!isOfServer(name)) throw new ToolError('tool_unknown', `there is no tool ${name}`);
    await connected();
    const offered = find();
    if (offered) return offered;
    const why = mcp.states().find((server) => name.startsWith(`${server.name}.`))?.problem;
    const message = `its MCP server does not offer it now${why == null ? '' : ` (${why})`}`;
    throw new ToolError('mcp_unavailable', message, { retryable: true });
  };

  /** Names a tool of a server that does not run: why it does not is worth more than the names of others. */
  const chosenOf = async (choose: Choose, tools: readonly Tool[], prompt: string): ReturnType<Choose> => {
    try {
      return await choose(tools, prompt);
    } catch (error) {
      const [, named = ''] = /^\s*tool:\s*([\w.-]+)/i.exec(prompt) ?? [];
      if (!(error instanceof ToolError) || error.code !== 'tool_unknown') throw error;
      const [left] = [...mcp.leftOut()].filter(([name]) => named.startsWith(`${name}.`));
      if (left !== undefined) {
        const message = `the MCP server ${left[0]} is not used, as mcp.json stands: ${left[1]}`;
        throw new ToolError('tool_unknown', message, { cause: error });
      }
      const server = mcp.states().find(({ name, state }) => state !== 'ready' && named.startsWith(`${name}.`));
      if (server === undefined) throw error;
      const why = server.problem ?? 'it is starting';
      throw new ToolError('mcp_unavailable', `the MCP server ${server.name} does not run: ${why}`, {
        retryable: true,
        cause: error,
      });
    }
  };

  /** @throws ToolError `tool_not_allowed` */
  const permitted = (chosen: Chosen, { share, consented = false }: For): Chosen => {
    const decision = policy.decide(chosen, share);
    if (decision === 'deny') {
      const message = `the tool ${chosen.name} is not for ${share?.caller || 'this caller'} by this door; its policy (TOOLS_POLICY) says so`;
      throw new ToolError('tool_not_allowed', message);
    }
    return decision === 'ask' && !consented ? { ...chosen, asks: true } : chosen;
  };

  return {
    async choose(prompt, whose) {
      const { all, choose, namesOf } = await open();
      const own = await chosenOrNull(choose, all(), prompt);
      if (own !== null) return permitted(own, whose);
      if (mcp.states().length > 0) await connected();
      const chosen = await chosenOf(choose, all(), prompt);
      if (chosen !== null) return permitted(summaryOf(chosen), whose);
      const message = `no tool fits this request; name one, as in tool:calculator {"expression": "6 * 7"}. ${namesOf(all())}`;
      throw new ToolError('no_tool', message);
    },
    async offers(prompt, { share }) {
      const { all } = await open();
      return offersFor(
        prompt,
        all().filter((tool) => policy.decide(tool, share) !== 'deny'),
      );
    },
    async check(name, args, whose) {
      const tool = await found(name);
      await tool.checkArguments(args);
      return shownWhole(permitted({ name: tool.name, fence: tool.fence, arguments: args }, whose));
    },
    async run(name, args, call) {
      return guard.run(await found(name), args, call);
    },
    async list() {
      const { all } = await open();
      return all().map(({ name, description, inputSchema, fence }) => ({ name, description, inputSchema, fence }));
    },
    names: () => [
      ...brought.map(({ name }) => name),
      ...builtinNames,
      ...mcp.tools().map(({ server, name }) => `${server}.${name}`),
    ],
    load: () => guard.load(),
  };
}

/** What a model has chosen stands nowhere but in the question: what that cannot show would be done unseen. @throws ToolError */
function shownWhole(chosen: Chosen): Chosen {
  const { length } = JSON.stringify(chosen.arguments);
  if (chosen.asks !== true || length <= ARGUMENTS_SHOWN_MAX) return chosen;
  const message = `${chosen.name} asks a person first, who can be shown ${ARGUMENTS_SHOWN_MAX} characters of its arguments, and these are ${length}`;
  throw new ToolError('tool_bad_arguments', message);
}

type Choose = typeof import('./builtin/index.ts').chooseTool;

function summaryOf({ tool, arguments: given }: NonNullable<Awaited<ReturnType<Choose>>>): Chosen {
  return { name: tool.name, fence: tool.fence, arguments: given };
}

/** Null when nothing fits yet: a tool of that name may come with a server that is starting. */
async function chosenOrNull(choose: Choose, tools: readonly Tool[], prompt: string): Promise<Chosen | null> {
  try {
    const chosen = await choose(tools, prompt);
    return chosen === null ? null : summaryOf(chosen);
  } catch (error) {
    if (error instanceof ToolError && error.code === 'tool_unknown') return null;
    throw error;
  }
}
