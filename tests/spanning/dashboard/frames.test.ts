import { PassThrough } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import test from 'ava';
import { render } from 'ink-testing-library';
import { createElement } from 'react';
import { textWidth } from '../../../cli/output/table.js';
import { Controller } from '../../../cli/dashboard/controller.js';
import { FrameOutput, NullOutput } from '../../../cli/dashboard/frame-output.js';
import { App } from '../../../cli/dashboard/screens/app.js';
import type { ThemeName } from '../../../cli/dashboard/theme.js';
import type { ClusterState } from '../../../cli/dashboard/view-model/state/cluster-state.js';
import { lookAt, simulatedWorld, worldNow } from '../../helpers/fakes/world.js';
import { until } from '../../helpers/until.js';

interface Shown {
  readonly frame: () => string;
  readonly lines: () => readonly string[];
  readonly press: (...keys: readonly string[]) => Promise<void>;
  readonly controller: Controller;
}

interface ShowOptions {
  readonly world?: ClusterState;
  readonly theme?: ThemeName;
  readonly ascii?: boolean;
}

function show(columns: number, rows: number, options: ShowOptions = {}): Shown {
  const world = options.world ?? simulatedWorld({ nodes: 4, services: 12, replicas: 3 });
  const look = lookAt(world, options.ascii === undefined ? {} : { ascii: options.ascii });
  const controller = new Controller({
    world,
    size: { columns, rows },
    glyphs: look.glyphs,
    theme: options.theme ?? 'mono',
    now: () => worldNow,
    commands: look.commands,
    perform: () => undefined,
  });
  const instance = render(createElement(App, { source: controller }));
  const frame = (): string => instance.lastFrame() ?? '';
  return {
    controller,
    frame,
    lines: () => stripVTControlCharacters(frame()).split('\n'),
    press: async (...keys) => {
      for (const key of keys) {
        instance.stdin.write(key);
        // Ink waits briefly to distinguish escape from the start of a sequence.
        await new Promise((resolve) => setTimeout(resolve, key === '\u001b' ? 120 : 5));
      }
    },
  };
}

const sizes = [
  [80, 24],
  [200, 50],
] as const;

for (const [columns, rows] of sizes) {
  test(`every screen fits into ${columns}x${rows} and leaves the last line free`, async (t) => {
    const shown = show(columns, rows);
    for (const key of ['1', '2', '3', '4', '5', '6', '7', '8', '9', '0', '?']) {
      await shown.press(key);
      const lines = shown.lines();
      t.is(lines.length, rows - 1);
      for (const line of lines) t.true(textWidth(line) <= columns, `${key}: ${line}`);
    }
  });

  test(`machines, services and tasks at ${columns}x${rows}`, async (t) => {
    const shown = show(columns, rows);
    for (const key of ['1', '2', '4', '5', '0']) {
      await shown.press(key);
      t.snapshot(
        shown
          .lines()
          .map((line) => line.trimEnd())
          .join('\n'),
        `screen ${key}`,
      );
    }
  });
}

test('a terminal of 200x50 shows columns that one of 80x24 omits', async (t) => {
  const narrow = show(80, 24);
  const wide = show(200, 50);
  await Promise.all([narrow.press('5'), wide.press('5')]);
  t.false(narrow.lines()[2]?.includes('DISK IO'));
  t.true(wide.lines()[2]?.includes('DISK IO'));
});

test('a terminal that is too small shows only a warning', (t) => {
  const shown = show(50, 10);
  t.is(shown.lines().length, 1);
  t.true(shown.frame().includes('60x15'));
});

test('without colours a state is shown by glyph and word, without colour codes', async (t) => {
  const shown = show(80, 24, { ascii: true });
  await shown.press('5');
  t.true(shown.frame().includes('* running'));
  t.regex(shown.lines().join('').replaceAll('…', ''), /^[\x20-\x7e]*$/);
  // Selection uses inversion, not colour.
  t.notRegex(shown.frame(), /\[3\d/);
});

test('names with escape codes and wide characters are sanitized', async (t) => {
  const world = simulatedWorld({ nodes: 1, services: 1, replicas: 1 });
  const task = world.tasks.get('t0-1');
  if (task === undefined) throw new Error('no task');
  const containerName = '\u001b[2J\u001b]0;title\u0007日本語のとても長い名前のサービス-1';
  world.applyWatch({ kind: 'put', table: 'tasks', object: { ...task, containerName } });
  const shown = show(80, 24, { world });
  await shown.press('5');
  t.false(shown.frame().includes('\u001b[2J'));
  t.false(shown.frame().includes('\u0007'));
  for (const line of shown.lines()) t.true(textWidth(line) <= 80);
});

test('the header shows a lost manager and the age of the data', (t) => {
  const world = simulatedWorld({ nodes: 1, services: 1, replicas: 1 });
  world.lastStatsAt = worldNow - 12_000;
  const stale = show(100, 24, { world });
  t.true(stale.lines()[0]?.includes('data 12s old'));
  world.setConnection({ state: 'lost', since: worldNow - 9_000, message: 'no answer' });
  const lost = show(100, 24, { world });
  t.true(lost.lines()[0]?.includes('connection lost 9s ago'));
});

test('changes of the world are rendered at a limited rate, keys immediately', async (t) => {
  const shown = show(80, 24);
  let frames = 0;
  shown.controller.subscribe(() => {
    frames += 1;
  });
  const began = performance.now();
  for (let at = 0; at < 100; at += 1) {
    shown.controller.changed();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const seconds = (performance.now() - began) / 1000;
  t.true(frames <= seconds * 10 + 1, `${frames} frames in ${seconds.toFixed(1)} s`);
  const before = frames;
  await shown.press('j');
  t.true(frames > before);
});

test('a burst of resizes results in a frame of the last size', async (t) => {
  const shown = show(80, 24);
  for (let columns = 81; columns <= 120; columns += 1) {
    shown.controller.resize({ columns, rows: 30 });
  }
  await until('the frame of the last size', 5_000, () => shown.lines().length === 29);
  t.is(shown.controller.frame().columns, 120);
});

test('an error of a component ends the dashboard with that error', async (t) => {
  const { render: open } = await import('ink');
  const source = {
    subscribe: () => () => undefined,
    frame: (): never => {
      throw new Error('a component crashed');
    },
    input: () => undefined,
  };
  const stdin = Object.assign(new PassThrough(), {
    isTTY: true,
    setRawMode: () => undefined,
    ref: () => undefined,
    unref: () => undefined,
  });
  const instance = open(createElement(App, { source }), {
    stdout: new NullOutput() as unknown as NodeJS.WriteStream,
    stdin: stdin as unknown as NodeJS.ReadStream,
    debug: true,
    exitOnCtrlC: false,
    patchConsole: false,
  });
  await t.throwsAsync(async () => instance.waitUntilExit(), { message: 'a component crashed' });
});

class SlowTerminal {
  readonly columns = 80;
  readonly rows = 24;
  readonly written: string[] = [];
  ready = true;
  #drain: () => void = () => undefined;

  write(text: string): boolean {
    this.written.push(text);
    return this.ready;
  }

  once(_event: 'drain', listener: () => void): this {
    this.#drain = listener;
    return this;
  }

  drain(): void {
    this.ready = true;
    this.#drain();
  }
}

test('only changed lines are written, and frames for a slow terminal are skipped', (t) => {
  const terminal = new SlowTerminal();
  const output = new FrameOutput(terminal);
  const write = (...lines: readonly string[]): void => {
    for (const [at, text] of lines.entries()) output.line(at, text);
    output.flush(lines.length);
  };
  write('one', 'two');
  write('one', 'three');
  t.false(terminal.written[1]?.includes('one'));
  t.true(terminal.written[1]?.includes('\u001b[2;1Hthree'));
  terminal.ready = false;
  write('one', 'four');
  for (let at = 0; at < 1_000; at += 1) write('one', `frame ${at}`);
  t.is(terminal.written.length, 3);
  terminal.drain();
  t.is(terminal.written.length, 4);
  t.true(terminal.written[3]?.includes('frame 999'));
});
