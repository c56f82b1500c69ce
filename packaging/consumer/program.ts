/** An ordinary program of somebody else: it uses what each entry point of the package gives. Compiled, never run. */
import { defineMesh, defineRole, defineTool, effect, type HopInput, type HopOutput, workMachine } from 'agent-mesh';
import { createMeshClient, MeshCallError } from 'agent-mesh/client';
import { type EmbeddedMesh, SettingsError, startMesh, type TaskOutcome } from 'agent-mesh/runtime';
import { type SimulationReport, simulateMesh } from 'agent-mesh/testing';

const clerk = defineRole({
  name: 'clerk',
  machine: workMachine('clerk', 'ask'),
  effects: {
    ask: effect<HopInput, HopOutput>({ fence: 'keyed', timeoutMs: 1000 }, async ({ prompt }, { key }) => ({
      ...{ engine: 'clerk', summary: key },
      answer: { text: prompt, citations: [] },
    })),
  },
});
const bell = defineTool<{ times: number }>({
  name: 'bell',
  description: 'Rings.',
  input: { type: 'object', properties: { times: { type: 'number' } }, required: ['times'] },
  fence: 'pure',
  run: ({ times }) => 'dong '.repeat(times),
});

export async function embedded(nats: string): Promise<string | null> {
  const config = defineMesh({ roles: [clerk], tools: [bell] });
  const mesh: EmbeddedMesh = await startMesh({ nats, home: '.mesh', config });
  try {
    const { id }: TaskOutcome = await mesh.submit('Hello');
    for await (const item of mesh.watch(id)) if (item.kind === 'fact') console.log(item.fact.event.type);
    return (await mesh.wait(id, { timeoutMs: 1000 })).answer;
  } catch (error) {
    if (error instanceof SettingsError) return error.message;
    throw error;
  } finally {
    await mesh.close();
  }
}

export async function remote(address: string): Promise<string> {
  const client = createMeshClient({ address });
  try {
    const { task } = await client.run({ prompt: 'Hello' });
    return task.correlationId;
  } catch (error) {
    return error instanceof MeshCallError ? error.message : '';
  } finally {
    client.close();
  }
}

export async function simulated(): Promise<readonly string[]> {
  const report: SimulationReport = await simulateMesh({ config: { roles: [clerk] }, seeds: 10 });
  return report.violations.map(({ invariant }) => invariant);
}
