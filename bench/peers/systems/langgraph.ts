/** LangGraph.js with its SQLite saver, in the process of the callers (programs/langgraph.mjs). */
import { inProcess } from './in-process.ts';

export const langgraph = inProcess('langgraph.mjs');
