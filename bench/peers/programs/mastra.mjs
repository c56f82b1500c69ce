/** A workflow of five steps; its snapshot is stored after each. */
import { Mastra } from '@mastra/core';
import { createStep, createWorkflow } from '@mastra/core/workflows';
import { LibSQLStore } from '@mastra/libsql';
import { z } from 'zod';

export async function open(path, job) {
  const storage = new LibSQLStore({ id: 'race', url: `file:${path}` });
  await storage.init();
  const text = z.object({ text: z.string() });
  const workflow = createWorkflow({ id: 'five', inputSchema: text, outputSchema: text });
  for (let index = 1; index <= job.steps; index += 1) {
    const execute = async ({ inputData, runId }) => ({ text: await job.step(runId, index, inputData.text) });
    workflow.then(createStep({ id: `step${index}`, inputSchema: text, outputSchema: text, execute }));
  }
  workflow.commit();
  const mastra = new Mastra({ workflows: { five: workflow }, storage, logger: false });
  const five = mastra.getWorkflow('five');
  const answer = (ended) => {
    if (ended.status !== 'success') throw new Error(`ended as ${ended.status}: ${JSON.stringify(ended).slice(0, 500)}`);
    return ended.result.text;
  };
  const start = async (id) =>
    answer(await (await five.createRun({ runId: id })).start({ inputData: { text: job.firstText } }));
  return {
    run: start,
    /** A run does not go on by itself: it is restarted, or started when it had not begun. */
    async resume(id) {
      const stored = await five.getWorkflowRunById(id);
      if (stored?.status === 'success') return answer(stored);
      if (!stored || stored.status === 'pending') return start(id);
      return answer(await (await five.createRun({ runId: id })).restart());
    },
  };
}
