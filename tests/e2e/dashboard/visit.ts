/**
 * A real mesh whose dashboard somebody looks at in a real Chromium. Owns: starting and ending mesh, counter and browser, and
 * the tasks as the dashboard tells them. Does not own: what is done there.
 */
import type { Browser, Page } from 'playwright-core';
import { expect } from 'vitest';
import type { Board, TaskRow } from '../../../dashboard/wire.ts';
import { Counter } from '../../support/counter.ts';
import { createMeshCommand, everyTool, type MeshCommand } from '../command.ts';
import { openPage, startBrowser, type Watched } from './browser.ts';

export interface Visit {
  readonly mesh: MeshCommand;
  readonly counter: Counter;
  readonly browser: Browser;
  /** Of the dashboard. */
  readonly url: string;
  readonly watched: Watched;
  readonly page: Page;
  rows(): Promise<readonly TaskRow[]>;
  end(): Promise<void>;
}

export async function visitDashboard(): Promise<Visit> {
  const counter = await Counter.open();
  // What a page submits would ask before it acts: that has tests of its own.
  const mesh = await createMeshCommand({ TOOLS_ALLOW_HOSTS: counter.host, TOOLS_POLICY: everyTool });
  let browser: Browser | undefined;
  const end = async (): Promise<void> => {
    await browser?.close();
    await mesh.end();
    await counter.close();
  };
  try {
    const up = await mesh.run(['up', '--detach']);
    expect(up.code, up.stderr).toBe(0);
    const url = (await mesh.run(['open', '--print'])).stdout.trim();
    browser = await startBrowser();
    const watched = await openPage(browser, url);
    const rows = async (): Promise<readonly TaskRow[]> =>
      ((await (await fetch(`${url}/api/board`)).json()) as Board).rows;
    return { mesh, counter, browser, url, watched, page: watched.page, rows, end };
  } catch (error) {
    await end();
    throw error;
  }
}
