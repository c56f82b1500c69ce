import { proxyActivities } from '@temporalio/workflow';

// An activity whose worker was killed is tried again when this time is over.
const { step } = proxyActivities({ startToCloseTimeout: '10s', retry: { initialInterval: '200ms' } });

export async function five(id, firstText, steps) {
  let text = firstText;
  for (let index = 1; index <= steps; index += 1) text = await step(id, index, text);
  return text;
}
