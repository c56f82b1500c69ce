/**
 * Health check of a container: `node containers/ask-health.ts readyz`. Exit code 0 for yes, 1 for no, with the reason.
 * Owns: asking the process beside it. Does not own: the answer (services/health.ts).
 */
const ANSWER_LIMIT_MS = 3000;

const question = process.argv[2] ?? 'readyz';
const port = process.env.MESH_HEALTH_PORT ?? '';
try {
  const signal = AbortSignal.timeout(ANSWER_LIMIT_MS);
  const response = await fetch(`http://127.0.0.1:${port}/${question}`, { signal });
  process.stdout.write(await response.text());
  process.exitCode = response.ok ? 0 : 1;
} catch (error) {
  process.stdout.write(`nothing answers on MESH_HEALTH_PORT=${port}: ${String(error)}\n`);
  process.exitCode = 1;
}
