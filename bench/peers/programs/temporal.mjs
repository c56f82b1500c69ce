/** A workflow of five activities; its code is in temporal-workflows.mjs, which the worker bundles. */
import { fileURLToPath } from 'node:url';

const taskQueue = 'race';

export async function work(address, job) {
  const { DefaultLogger, NativeConnection, Runtime, Worker } = await import('@temporalio/worker');
  Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: ['SIGTERM'] });
  const worker = await Worker.create({
    connection: await NativeConnection.connect({ address }),
    taskQueue,
    workflowsPath: fileURLToPath(new URL('./temporal-workflows.mjs', import.meta.url)),
    activities: { step: job.step },
  });
  worker.run().then(
    () => process.exit(0),
    (error) => {
      console.error(error);
      process.exit(1);
    },
  );
}

export async function open(address, job) {
  const { Client, Connection } = await import('@temporalio/client');
  const client = new Client({ connection: await Connection.connect({ address }) });
  const order = {
    taskQueue,
    workflowIdConflictPolicy: 'USE_EXISTING',
    workflowIdReusePolicy: 'REJECT_DUPLICATE',
  };
  return {
    async run(id) {
      try {
        return await client.workflow.execute('five', {
          ...order,
          workflowId: id,
          args: [id, job.firstText, job.steps],
        });
      } catch (error) {
        // It has ended while its caller was cut off.
        if (error?.name !== 'WorkflowExecutionAlreadyStartedError') throw error;
        return client.workflow.getHandle(id).result();
      }
    },
  };
}
