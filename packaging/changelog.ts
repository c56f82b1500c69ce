/**
 * The changelog at a release. Owns: moving what is unreleased under a version. Does not own: what stands there, or the release
 * (`release.ts`).
 */

const HEADING = '## [Unreleased]';

/**
 * @param today of the release, `2026-11-29`
 * @throws Error when there is nothing to release, or the version stands there already
 */
export function released(changelog: string, version: string, today: string): string {
  const at = changelog.indexOf(HEADING);
  if (at < 0) throw new Error(`CHANGELOG.md has no ${HEADING}`);
  if (changelog.includes(`## [${version}]`)) throw new Error(`CHANGELOG.md has a version ${version} already`);
  const after = changelog.slice(at + HEADING.length);
  const next = after.search(/^## \[/m);
  if ((next < 0 ? after : after.slice(0, next)).trim() === '') throw new Error('CHANGELOG.md names nothing to release');
  return `${changelog.slice(0, at)}${HEADING}\n\n## [${version}] - ${today}${after}`;
}
