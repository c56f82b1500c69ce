/**
 * `mesh trace ID`. Owns: finding the spans of a task, and the minute before a crash that the flight recorder kept. Does
 * not own: how a trace looks (`trace-view.ts`).
 */
import { join } from 'node:path';
import type { Command } from 'commander';
import type { Settings } from '../../config/settings.ts';
import { type FlightLine, readFlight } from '../../telemetry/flight-recorder.ts';
import { readBatches, spansIn, type TracedSpan, traceIdsOf } from '../../telemetry/trace-reader.ts';
import { declare, settingsNow } from '../command.ts';
import { CliError } from '../errors.ts';
import { flightFolders } from '../flights.ts';
import { wholeTask, withTask } from '../mesh-client.ts';
import { columns, duration, oneLine, out, painter, print, printJson, safeText } from '../terminal.ts';
import { traceLines } from '../trace-view.ts';

export function command(): Command {
  return declare({
    name: 'trace',
    group: 'Tasks',
    summary: 'show where the time of a task went, across crashes',
    details: 'Spans are kept for a day. Of more tasks than OBS_TRACES_PER_SECOND in one second, some have no trace.',
    examples: [
      ['trace 6f1c2d3e', 'a waterfall: task, hops, attempts, model and tool calls'],
      ['trace 6f1c2d3e --all', 'with the messages between agents'],
      ['trace 6f1c2d3e --before-crash', 'what the processes said in the minute before the crash'],
    ],
  })
    .argument('<id>', 'id of a task, or its first six characters or more')
    .option('--all', 'show messages between agents as well')
    .option('--before-crash', 'show the last minute before the newest crash that the task went through')
    .option('--json', 'print one JSON object')
    .action((id: string, options: { all?: true; beforeCrash?: true; json?: true }) => trace(id, options));
}

async function trace(id: string, options: { all?: true; beforeCrash?: true; json?: true }): Promise<void> {
  const settings = settingsNow();
  const { taskId, spans } = await withTask(settings, id, async (known) => {
    const { facts, view } = await wholeTask(known, 'mesh trace');
    const traceIds = traceIdsOf(
      known.taskId,
      facts.map(({ event }) => event.traceparent),
    );
    const kept = await Promise.all([...traceIds].map((traceId) => readBatches(known.bus, traceId)));
    return { taskId: view.taskId, spans: spansIn(kept.flatMap(({ batches }) => batches)) };
  });
  if (options.beforeCrash === true) return beforeCrash(settings, taskId, spans, options.json === true);
  if (options.json === true) return printJson({ taskId, spans });
  if (spans.length === 0)
    throw new CliError(
      1,
      `there are no spans of task ${taskId}: they are kept for a day, and of at most OBS_TRACES_PER_SECOND tasks a second`,
    );
  const look = { width: columns(out), paint: painter(out), all: options.all === true };
  for (const line of traceLines(spans, look)) print(line);
}

/** The newest recording of a crash that speaks of the task, and all of what other processes said in that minute. */
function beforeCrash(settings: Settings, taskId: string, spans: readonly TracedSpan[], json: boolean): void {
  const traceIds = new Set([taskId.replaceAll('-', ''), ...spans.map(({ traceId }) => traceId)]);
  const speaks = (line: FlightLine): boolean => {
    if (line.kind === 'event') return line.task === taskId;
    if (line.kind === 'begun' || line.kind === 'span') return traceIds.has(line.span.traceId);
    return line.kind === 'log' && line.line.task === taskId;
  };
  const found = flightFolders(join(settings.MESH_HOME, 'flight'))
    .filter(({ crashedAtMs }) => crashedAtMs !== null)
    .map((flight) => ({ ...flight, lines: readFlight(flight.folder) }))
    .find(({ lines }) => lines.some(speaks));
  if (found === undefined)
    throw new CliError(
      1,
      `no recording of a crash on this machine speaks of task ${taskId}; the last three of each service are kept`,
    );
  if (json) {
    printJson({ taskId, process: found.process, crashedAtMs: found.crashedAtMs, lines: found.lines });
    return;
  }
  const paint = painter(out);
  const endMs = found.lines.at(-1)?.atMs ?? 0;
  print(
    `${paint('bold', found.process)}, the last ${duration(endMs - (found.lines[0]?.atMs ?? endMs))} before its end at ${new Date(endMs).toISOString()}`,
  );
  print();
  for (const line of found.lines) {
    const text = flightText(line);
    if (text === '') continue;
    const offset = `-${duration(Math.max(0, endMs - line.atMs))}`.padStart(9);
    const shown = `${paint('dim', offset)}  ${oneLine(safeText(text), columns(out) - 12)}`;
    print(speaks(line) ? shown : paint('dim', shown));
  }
}

function flightText(line: FlightLine): string {
  switch (line.kind) {
    case 'event':
      return `${line.role} is told ${line.type}, hop ${line.hop}, task ${line.task.slice(0, 8)}`;
    case 'begun':
      return `${line.span.name} begins`;
    case 'span':
      return `${line.span.name} ended after ${duration(line.span.endMs - line.span.startMs)}${line.span.failure === null ? '' : `: ${line.span.failure}`}`;
    case 'log': {
      const { level, msg, time: _time, service: _service, ...fields } = line.line;
      const rest = Object.entries(fields).map(
        ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
      );
      return `${String(level)}: ${String(msg)} ${rest.join(' ')}`;
    }
    case 'started':
    case 'stopped':
    case 'sent':
      return '';
    default:
      throw new Error(`unknown line ${JSON.stringify(line satisfies never)}`);
  }
}
