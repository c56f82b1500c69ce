/** A workflow of five steps in PostgreSQL. */
import { DBOS } from '@dbos-inc/dbos-sdk';

export async function open(systemDatabaseUrl, job) {
  DBOS.setConfig({ name: 'race', systemDatabaseUrl, logLevel: 'error', runAdminServer: false, enableOTLP: false });
  const five = DBOS.registerWorkflow(
    async (id) => {
      let text = job.firstText;
      for (let index = 1; index <= job.steps; index += 1) {
        const given = text;
        text = await DBOS.runStep(() => job.step(id, index, given), { name: `step${index}` });
      }
      return text;
    },
    { name: 'five' },
  );
  // Pending workflows of a process that was killed go on here; to start one again under its id is to wait for it.
  await DBOS.launch();
  return {
    run: async (id) => (await DBOS.startWorkflow(five, { workflowID: id })(id)).getResult(),
  };
}
