import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Controller } from '../../cli/dashboard/controller.js';
import type { InkKeyFlags } from '../../cli/dashboard/terminal-input.js';
import type { ClusterState } from '../../cli/dashboard/view-model/state/cluster-state.js';
import type { WatchMessage } from '../../manager/common/protocol/control.js';
import type { StatsMessage } from '../../manager/common/protocol/statistics.js';
import { simulatedObjects, simulatedStats } from '../helpers/fakes/world.js';
import { print } from './figures.js';

export const about = 'the dashboard on 10,000 tasks: first paint, keys, filter, idle, memory';

const large = { nodes: 200, services: 200, replicas: 50 };
const medium = { nodes: 20, services: 100, replicas: 10 };
const idleSeconds = 10;
const usedSeconds = 20;

const noFlags: InkKeyFlags = {
  upArrow: false,
  downArrow: false,
  leftArrow: false,
  rightArrow: false,
  pageUp: false,
  pageDown: false,
  return: false,
  escape: false,
  ctrl: false,
  tab: false,
  backspace: false,
  delete: false,
  meta: false,
};

/** A terminal that counts writes and lets a caller wait for the next one. */
class Terminal {
  readonly columns = 200;
  readonly rows = 50;
  writes = 0;
  bytes = 0;
  #waiting: (() => void)[] = [];

  write(text: string): boolean {
    this.writes += 1;
    this.bytes += text.length;
    for (const wake of this.#waiting.splice(0)) wake();
    return true;
  }

  once(): void {
    // Writes never have to wait for a drain.
  }

  /** Resolves at the next write, or after 500 ms without one. */
  written(): Promise<void> {
    return Promise.race([
      new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      }),
      sleep(500),
    ]);
  }
}

interface Simulated {
  readonly snapshot: string;
  readonly stats: readonly string[];
}

const seconds = 3;

/**
 * Messages as the manager sends them. Another process produces them, so that its memory is not
 * counted.
 */
function simulated(size: 'large' | 'medium'): Simulated {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-bench-'));
  try {
    execFileSync(process.execPath, [process.argv[1] ?? '', 'dashboard', size, folder]);
    const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
    return {
      snapshot: read('snapshot'),
      stats: Array.from({ length: seconds }, (_, second) => read(`stats-${second}`)),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function produce(size: typeof large, folder: string): void {
  const objects = simulatedObjects(size);
  const snapshot = { kind: 'snapshot', ...objects, networks: [], volumes: [] };
  writeFileSync(join(folder, 'snapshot'), JSON.stringify(snapshot));
  for (let second = 0; second < seconds; second += 1) {
    const stats = simulatedStats(objects.tasks, objects.nodes, second);
    writeFileSync(join(folder, `stats-${second}`), JSON.stringify(stats));
  }
}

interface Opened {
  readonly world: ClusterState;
  readonly controller: Controller;
  readonly terminal: Terminal;
  readonly close: () => void;
}

async function open(): Promise<Opened> {
  const [{ render }, { createElement }, parts, screens, outputs, worlds, glyphs] =
    await Promise.all([
      import('ink'),
      import('react'),
      import('../../cli/dashboard/controller.js'),
      import('../../cli/dashboard/screens/app.js'),
      import('../../cli/dashboard/frame-output.js'),
      import('../../cli/dashboard/view-model/state/cluster-state.js'),
      import('../../cli/dashboard/view-model/paint/glyphs.js'),
    ]);
  const world = new worlds.ClusterState('bench');
  const terminal = new Terminal();
  const controller = new parts.Controller({
    world,
    size: { columns: terminal.columns, rows: terminal.rows },
    glyphs: glyphs.unicodeGlyphs,
    theme: 'dark',
    commands: [],
    now: () => Date.now(),
    perform: () => undefined,
  });
  const output = new outputs.FrameOutput(terminal);
  const stdout = new outputs.NullOutput() as unknown as NodeJS.WriteStream;
  const stdin = Object.assign(new (await import('node:stream')).PassThrough(), {
    isTTY: true,
    setRawMode: () => undefined,
    ref: () => undefined,
    unref: () => undefined,
  }) as unknown as NodeJS.ReadStream;
  const instance = render(createElement(screens.App, { source: controller, surface: output }), {
    stdout,
    stdin,
    debug: true,
    exitOnCtrlC: false,
    patchConsole: false,
  });
  return {
    world,
    controller,
    terminal,
    close: () => {
      controller.stop();
      instance.unmount();
    },
  };
}

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

/** Milliseconds from a key press to the write of its frame. */
async function press({ controller, terminal }: Opened, text: string): Promise<number> {
  const flags =
    text === 'pageDown'
      ? { ...noFlags, pageDown: true }
      : text === 'escape'
        ? { ...noFlags, escape: true }
        : noFlags;
  const painted = terminal.written();
  const began = performance.now();
  controller.input(flags === noFlags ? text : '', flags);
  await painted;
  return performance.now() - began;
}

async function keysOn(opened: Opened, stats: readonly string[]): Promise<readonly number[]> {
  const times: number[] = [];
  const keys = ['j', 'pageDown', 'G', 'g', 'j', 'i', '4', '5', '2', '5', '>', '<', '0', '5'];
  for (let round = 0; round < 25; round += 1) {
    // Statistics arrive every second; their cost falls on the next key.
    opened.world.applyStats(
      JSON.parse(stats[round % stats.length] ?? '') as StatsMessage,
      Date.now(),
    );
    for (const key of keys) times.push(await press(opened, key));
  }
  return times;
}

async function filterOn(opened: Opened): Promise<readonly number[]> {
  const times: number[] = [];
  await press(opened, '5');
  for (const text of ['web12', '!web1', 'sh.p2.*[13]$', '-f sw9']) {
    await press(opened, '/');
    for (const char of text) times.push(await press(opened, char));
    await press(opened, 'escape');
  }
  return times;
}

/** Simulates use: statistics every second, a few keys in between. */
async function measureMemory(opened: Opened, stats: readonly string[]): Promise<void> {
  let peak = 0;
  for (let second = 0; second < usedSeconds; second += 1) {
    const statistics = JSON.parse(stats[second % stats.length] ?? '') as StatsMessage;
    opened.world.applyStats(statistics, Date.now());
    opened.controller.changed();
    for (const key of ['4', '5', 'j', 'i']) await press(opened, key);
    await sleep(800);
    peak = Math.max(peak, process.memoryUsage().rss);
  }
  print(
    `memory: at most ${(peak / 1e6).toFixed(0)} MB resident in ${usedSeconds} s of use  (target <= 250 MB)`,
  );
}

async function measureLarge(): Promise<void> {
  const { snapshot, stats } = simulated('large');
  const idle = process.cpuUsage();
  const began = performance.now();
  const opened = await open();
  opened.world.setConnection({ state: 'live', since: Date.now(), message: '' });
  opened.world.applyWatch(JSON.parse(snapshot) as WatchMessage);
  opened.world.applyStats(JSON.parse(stats[0] ?? '') as StatsMessage, Date.now());
  const painted = opened.terminal.written();
  opened.controller.change((state) => state);
  await painted;
  const first = await press(opened, '5');
  const spent = process.cpuUsage(idle);
  print(
    `first paint: ${(performance.now() - began).toFixed(0)} ms, ${((spent.user + spent.system) / 1000).toFixed(0)} ms CPU, imports and 10,000 tasks parsed, list included (${first.toFixed(0)} ms)  (target <= 1000 ms)`,
  );
  await measureMemory(opened, stats);
  const before = process.cpuUsage();
  const keys = await keysOn(opened, stats);
  const used = process.cpuUsage(before);
  const cpuMs = (used.user + used.system) / 1000 / keys.length;
  print(
    `key to paint: median ${percentile(keys, 0.5).toFixed(1)} ms, p99 ${percentile(keys, 0.99).toFixed(1)} ms, worst ${Math.max(...keys).toFixed(1)} ms of ${keys.length} keys, ${cpuMs.toFixed(1)} ms CPU each, statistics included  (target p99 <= 50 ms)`,
  );
  const beforeTyping = process.cpuUsage();
  const filters = await filterOn(opened);
  const typing = process.cpuUsage(beforeTyping);
  const filterCpuMs = (typing.user + typing.system) / 1000 / filters.length;
  print(
    `filter while typing: median ${percentile(filters, 0.5).toFixed(1)} ms, worst ${Math.max(...filters).toFixed(1)} ms, ${filterCpuMs.toFixed(1)} ms CPU each  (target <= 100 ms)`,
  );
  opened.close();
}

async function measureIdle(): Promise<void> {
  const { snapshot, stats } = simulated('medium');
  const opened = await open();
  opened.world.applyWatch(JSON.parse(snapshot) as WatchMessage);
  opened.world.setConnection({ state: 'live', since: Date.now(), message: '' });
  await press(opened, '5');
  const { writes } = opened.terminal;
  const before = process.cpuUsage();
  for (let second = 0; second < idleSeconds; second += 1) {
    opened.world.applyStats(
      JSON.parse(stats[second % stats.length] ?? '') as StatsMessage,
      Date.now(),
    );
    opened.controller.changed();
    await sleep(500);
    opened.controller.changed();
    await sleep(500);
  }
  const used = process.cpuUsage(before);
  const share = (used.user + used.system) / 1e6 / idleSeconds;
  const frames = (opened.terminal.writes - writes) / idleSeconds;
  print(
    `idle on 1,000 tasks: ${(share * 100).toFixed(1)} % of a core, ${frames.toFixed(1)} frames a second  (target <= 5 %, <= 10)`,
  );
  opened.close();
}

export async function run([size, folder]: readonly string[]): Promise<void> {
  if (folder !== undefined) {
    produce(size === 'large' ? large : medium, folder);
    return;
  }
  process.env.NODE_ENV ??= 'production';
  await measureLarge();
  await measureIdle();
}
