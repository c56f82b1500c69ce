/**
 * Second processes with the name or the ledger of one that runs: a copied folder, a name given twice. Owns: starting and
 * ending them. Does not own: what must come of it (`checks/chain.ts`): one of the two ends with a sentence.
 */
import type { Fault } from './faults.ts';
import type { HostProcess } from './hosts.ts';
import type { Run } from './simulate.ts';

type TwinFault = Extract<Fault, { kind: 'twin' }>;

export function startTwin(run: Run, host: HostProcess, fault: TwinFault): void {
  const { scheduler, twins } = run;
  const number = twins.length + 1;
  const twin = host.twin({
    name: fault.how === 'ledger' ? `${host.name}-copy${number}` : host.name,
    process: `${host.name}-twin${number}`,
    ledger: fault.how === 'name' ? null : host.disk.copy(),
  });
  twins.push(twin);
  twin.start();
  scheduler.after(fault.ms, () => twin.end());
}
