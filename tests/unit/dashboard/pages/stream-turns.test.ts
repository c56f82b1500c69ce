/** Tabs of one browser share its connections: hidden ones leave, and come back when they are looked at. */
import { describe, expect, it } from 'vitest';
import { StreamTurns, type Turns } from '../../../../dashboard/src/lib/live/stream-turns.ts';

type Heard = (event: MessageEvent<unknown>) => void;

/** As a BroadcastChannel: everybody but the sender hears it. */
class Channel {
  readonly #all = new Set<Heard>();

  join(): Turns {
    const own = new Set<Heard>();
    return {
      postMessage: (data: unknown) => {
        for (const heard of this.#all) if (!own.has(heard)) heard({ data } as MessageEvent<unknown>);
      },
      addEventListener: (_type: string, heard: unknown) => {
        own.add(heard as Heard);
        this.#all.add(heard as Heard);
      },
    };
  }
}

class Tab {
  hidden = false;
  streams = 0;
  readonly #turns: StreamTurns;

  constructor(id: string, channel: Channel) {
    this.#turns = new StreamTurns(
      id,
      {
        isHidden: () => this.hidden,
        leave: () => {
          this.streams = 0;
        },
        take: () => this.take(),
      },
      channel.join(),
    );
    this.take();
  }

  take(): void {
    if (this.#turns.hasLeft) return;
    this.streams = 1;
    this.#turns.say();
  }

  show(shown: boolean): void {
    this.hidden = !shown;
    this.#turns.onVisibility();
  }
}

const open = (tabs: readonly Tab[]): number => tabs.reduce((sum, { streams }) => sum + streams, 0);

function browser(count: number): Tab[] {
  const channel = new Channel();
  const tabs: Tab[] = [];
  for (let at = 0; at < count; at += 1) {
    tabs.at(-1)?.show(false);
    tabs.push(new Tab(`tab ${at}`, channel));
  }
  return tabs;
}

describe('streams of the tabs of a browser', () => {
  it('are few, however many tabs there are, and the one that is looked at has one', () => {
    const tabs = browser(20);
    expect(open(tabs)).toBeLessThanOrEqual(3);
    expect(tabs.at(-1)?.streams).toBe(1);
  });

  it('one alone that is hidden keeps its stream, and one with another beside it', () => {
    const tabs = browser(2);
    for (const tab of tabs) tab.show(false);
    expect(open(tabs)).toBe(2);
  });

  it('are taken again by who is looked at, whichever it is, and stay few', () => {
    const tabs = browser(9);
    let shown = tabs.at(-1);
    for (const next of [0, 5, 2, 8, 0, 1, 3, 7].map((at) => tabs[at])) {
      shown?.show(false);
      next?.show(true);
      shown = next;
      expect(next?.streams).toBe(1);
      expect(open(tabs)).toBeLessThanOrEqual(3);
    }
  });

  it('windows that are all in view keep theirs, and leave when they are hidden together', () => {
    const channel = new Channel();
    const tabs = ['a', 'b', 'c', 'd', 'e'].map((id) => new Tab(id, channel));
    expect(open(tabs)).toBe(5);
    for (const tab of tabs) tab.show(false);
    expect(open(tabs)).toBeLessThanOrEqual(2);
  });

  it('a tab that has left takes none before it is looked at', () => {
    const [first] = browser(5);
    first?.take();
    expect(first?.streams).toBe(0);
  });

  it('what else is said on the channel is nothing', () => {
    const channel = new Channel();
    const tab = new Tab('a', channel);
    tab.show(false);
    const stranger = channel.join();
    for (const said of [1, null, {}, 'a', 'a']) stranger.postMessage(said);
    expect(tab.streams).toBe(1);
  });
});
