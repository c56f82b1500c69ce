/** This mesh inside a program of your own: `node program.ts "Good morning"`. */
import { startMesh } from 'agent-mesh/runtime';

const mesh = await startMesh({ home: '.mesh', config: './mesh.config.ts' });
const prompt = process.argv[2] ?? 'Good morning';
// The same key is the same task: a program that is killed and started again goes on with it, and asks for nothing twice.
const { answer } = await mesh.run({ prompt, workflow: 'translate', key: prompt });
console.log(answer);
await mesh.close();
