/** Five nodes in a row, every checkpoint on disk before the next node begins. */
import { Annotation, END, START, StateGraph } from '@langchain/langgraph';
import { SqliteSaver } from '@langchain/langgraph-checkpoint-sqlite';
import Database from 'better-sqlite3';

export async function open(path, job) {
  const db = new Database(path);
  const saver = new SqliteSaver(db);
  // The saver sets WAL here, and with it SQLite's default; the setting is read back.
  saver.setup();
  db.pragma('synchronous = FULL');
  if (db.pragma('synchronous', { simple: true }) !== 2) throw new Error('synchronous is not FULL');
  const graph = new StateGraph(Annotation.Root({ text: Annotation() }));
  const names = Array.from({ length: job.steps }, (_, index) => `step${index + 1}`);
  for (const [index, name] of names.entries()) {
    graph.addNode(name, async ({ text }, { configurable }) => ({
      text: await job.step(configurable.thread_id, index + 1, text),
    }));
    graph.addEdge(names[index - 1] ?? START, name);
  }
  graph.addEdge(names.at(-1), END);
  const app = graph.compile({ checkpointer: saver });
  const thread = (id) => ({ configurable: { thread_id: id }, durability: 'sync' });
  const invoke = async (id, input) => (await app.invoke(input, thread(id))).text;
  return {
    run: (id) => invoke(id, { text: job.firstText }),
    /** A thread does not go on by itself: it is invoked again, with null where it has a checkpoint. */
    async resume(id) {
      const state = await app.getState(thread(id));
      if (state.createdAt === undefined) return invoke(id, { text: job.firstText });
      // Nothing is next also when a node's writes are stored and its checkpoint is not: only the last step ends it.
      if (state.next.length === 0 && (state.metadata?.step ?? -1) >= job.steps) return state.values.text;
      return invoke(id, null);
    },
  };
}
