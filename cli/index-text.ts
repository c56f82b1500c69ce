/**
 * What `mesh index` says. Owns: the progress bar, the summary, and what is named of what was left out. Does not own: indexing
 * (knowledge/), or when something is said (`commands/index.ts`).
 */
import type { IndexProgress, IndexSummary, SkippedFile, VectorOutcome } from '../knowledge/port.ts';
import { skipWords } from '../knowledge/skip-words.ts';
import type { WatchRun } from '../knowledge/watch.ts';
import { columns, duration, err, oneLine, painter, plural } from './terminal.ts';

const BAR_COLUMNS = 24;
/** Files named for each reason of leaving some out; the JSON has them all. */
const SKIPPED_SHOWN = 3;
const SECRETS_SHOWN = 20;
const CHANGES_SHOWN = 3;
const DOCUMENT = /\.(?:pdf|docx?|pptx?|xlsx?|odt|ods|odp|rtf|epub|pages|md|txt|html?)$/i;

const verbs = { files: 'reading', vectors: 'embedding' } as const;

/** `━━━━━━────  reading 12/40 docs/architecture.md` */
export function barText({ phase, done, total, path }: IndexProgress): string {
  const paint = painter(err);
  const full = total === 0 ? BAR_COLUMNS : Math.round((done / total) * BAR_COLUMNS);
  const counts = `${verbs[phase]} ${String(done).padStart(String(total).length)}/${total}`;
  const room = columns(err) - BAR_COLUMNS - counts.length - 4;
  return `${paint('green', '━'.repeat(full))}${paint('dim', '─'.repeat(BAR_COLUMNS - full))}  ${counts} ${oneLine(path, Math.max(8, room))}`;
}

export function summaryLines(summary: IndexSummary, files: number): string[] {
  const parts = [
    `${plural(summary.added, 'file')} added`,
    `${summary.updated} updated`,
    `${summary.unchanged} unchanged`,
    `${summary.removed} removed`,
  ];
  return [
    `${parts.join(', ')}; ${plural(summary.chunks, 'passage')} written in ${duration(summary.ms)}; ${plural(files, 'file')} in the knowledge base`,
    ...(summary.vectors === null ? [] : [vectorLine(summary.vectors)]),
    ...skippedLines(summary.skipped),
  ];
}

function vectorLine({ store, embedder, embedded, problem }: VectorOutcome): string {
  if (problem !== null) return `Vectors are not up to date, words are searched meanwhile: ${problem}`;
  return `${plural(embedded, 'passage')} embedded by ${embedder}, kept by ${store}`;
}

/** Documents first: of a picture or an archive nobody asks why it was left out. */
function weight({ path }: SkippedFile): number {
  return DOCUMENT.test(path) ? 1 : 0;
}

export function skippedLines(skipped: readonly SkippedFile[]): string[] {
  if (skipped.length === 0) return [];
  const byReason = Map.groupBy(skipped, ({ reason }) => reason);
  const rows = [...byReason].sort(([, a], [, b]) => b.length - a.length);
  return [
    `${plural(skipped.length, 'file')} left out:`,
    ...rows.map(([reason, files]) => {
      // What a person may have meant to have in, and what must not slip by, is not lost among hundreds of pictures.
      const most = reason === 'secret' ? SECRETS_SHOWN : SKIPPED_SHOWN;
      const shown = files
        .toSorted((a, b) => weight(b) - weight(a))
        .slice(0, most)
        .map(({ path }) => path);
      const more = files.length > shown.length ? ` and ${files.length - shown.length} more` : '';
      return `  ${skipWords[reason]}: ${shown.join(', ')}${more}`;
    }),
  ];
}

const signs = { added: '+', removed: '-', updated: '~' } as const;

/** `14:03:11  1 file added, 2 updated, 0 removed; 5 passages written in 40 ms: + docs/a.md, ~ docs/b.md` */
export function changeLine({ summary, changes }: WatchRun, at: Date): string {
  const { added, updated, removed, chunks, ms } = summary;
  const named = changes.slice(0, CHANGES_SHOWN).map(({ path, change }) => `${signs[change]} ${path}`);
  const more = changes.length > named.length ? ` and ${changes.length - named.length} more` : '';
  const counts = `${plural(added, 'file')} added, ${updated} updated, ${removed} removed`;
  const time = at.toTimeString().slice(0, 8);
  return `${time}  ${counts}; ${plural(chunks, 'passage')} written in ${duration(ms)}: ${named.join(', ')}${more}`;
}

export function watchingLine({ folders, blind }: WatchRun): string {
  const watched = `Watching ${plural(folders, 'folder')}; Ctrl-C ends it.`;
  if (blind === 0) return watched;
  return `${watched} The system tells nothing of ${blind} of them, so all are looked at every 30 s (on Linux, more can be watched after raising fs.inotify.max_user_watches).`;
}
