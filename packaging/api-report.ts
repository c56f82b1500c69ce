/**
 * The public API, entry by entry, as reports kept in `packaging/api/`. Owns: making them from the declarations of the built
 * package, and comparing. Does not own: the entries (`exports` of package.json).
 *
 *   node packaging/api-report.ts           checks; exit code 1 when the API is not what the reports say
 *   node packaging/api-report.ts --write   takes the API as it is now
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor';
import { build, out, root } from './build.ts';
import type { Manifest } from './manifest.ts';

const FOLDER = join(root, 'packaging', 'api');

/** True when the report of this entry says what its declarations say. */
function report(entry: string, declarations: string, write: boolean): boolean {
  const name = entry === '.' ? 'index' : basename(entry);
  const extractorConfig = ExtractorConfig.prepare({
    configObject: {
      projectFolder: out,
      mainEntryPointFilePath: join(out, declarations),
      bundledPackages: [],
      newlineKind: 'lf',
      compiler: {
        overrideTsconfig: {
          compilerOptions: { target: 'es2024', module: 'nodenext', types: ['node'], strict: true, skipLibCheck: true },
          files: [join(out, declarations)],
        },
      },
      apiReport: {
        enabled: true,
        reportFileName: `${name}.api.md`,
        reportFolder: FOLDER,
        reportTempFolder: join(root, 'artifacts', 'api'),
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: {
        // What is said of tags of TSDoc, and of types that are named but not exported, is in the reports themselves.
        extractorMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
        tsdocMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
        compilerMessageReporting: { default: { logLevel: ExtractorLogLevel.Error } },
      },
    },
    configObjectFullPath: undefined,
    packageJsonFullPath: join(out, 'package.json'),
  });
  const { apiReportChanged, succeeded } = Extractor.invoke(extractorConfig, {
    localBuild: write,
    messageCallback(message) {
      if (message.logLevel !== ExtractorLogLevel.Error) message.logLevel = ExtractorLogLevel.None;
    },
  });
  return write ? succeeded : succeeded && !apiReportChanged;
}

/** Names of the entries whose reports are out of date. */
export function reportApi(write: boolean): string[] {
  mkdirSync(FOLDER, { recursive: true });
  const manifest: Manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return Object.entries(manifest.exports)
    .filter(([entry, source]) => !report(entry, source.replace(/\.ts$/, '.d.ts'), write))
    .map(([entry]) => entry);
}

if (import.meta.main) {
  build();
  const changed = reportApi(process.argv.includes('--write'));
  for (const entry of changed)
    console.error(`the public API of ${entry} changed: \`npm run api\` takes it into packaging/api, for the review`);
  process.exitCode = changed.length === 0 ? 0 : 1;
}
