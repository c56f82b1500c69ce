import { test } from 'vitest';
import { useMesh } from '../../support/mesh.ts';
const mesh = useMesh('scratch');
test('growth', { timeout: 200_000 }, async () => {
  const { watch } = mesh();
  const agents = mesh().service('agents');
  for (let round = 0; round < 3; round += 1) {
    await agents.kill(); await agents.ready();
    console.log(round * 2000, 'tasks: ready after', Math.round(agents.startTimes().at(-1) ?? 0), JSON.stringify(agents.life.lines.find((l) => l.msg === 'caught up with the log')?.instances));
    if (round === 2) break;
    const ids = await Promise.all(Array.from({ length: 2000 }, () => mesh().submit('hello')));
    await Promise.all(ids.map((id) => watch.result(id, 90_000)));
  }
});
