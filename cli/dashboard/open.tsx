import { setImmediate } from 'node:timers/promises';
import { render } from 'ink';
import type { Instance } from 'ink';
import { messageOf } from '../../manager/common/base/errors.js';
import type { Cli } from '../cli.js';
import type { ControlClient } from '../client/client.js';
import { Controller } from './controller.js';
import { EffectRunner } from './effects.js';
import { runFeed } from './feed.js';
import { FrameOutput, NullOutput } from './frame-output.js';
import { App } from './screens/app.js';
import { OwnedTerminal } from './terminal.js';
import type { ThemeName } from './theme.js';
import { asciiGlyphs, unicodeGlyphs } from './view-model/paint/glyphs.js';
import type { Effect } from './view-model/state/model.js';
import type { Preferences } from './view-model/state/view.js';
import { ClusterState } from './view-model/state/cluster-state.js';

export interface DashboardOptions {
  readonly theme: ThemeName;
  readonly ascii: boolean;
  readonly readOnly: boolean;
  readonly mouse: boolean;
  readonly preferences: Preferences;
}

/** Interval for repainting ages without any message. */
const tickMs = 1_000;

/**
 * Runs the dashboard on this terminal; resolves when the user quits, with the terminal restored.
 */
export async function openDashboard(
  cli: Cli,
  client: ControlClient,
  options: DashboardOptions,
): Promise<void> {
  const screen = new DashboardScreen(cli, client, options);
  await screen.run();
}

class DashboardScreen {
  readonly #cli: Cli;
  readonly #world: ClusterState;
  readonly #client: ControlClient;
  readonly #controller: Controller;
  readonly #terminal: OwnedTerminal;
  readonly #output = new FrameOutput(process.stdout);
  readonly #ending = new AbortController();
  #instance: Instance | undefined;
  /** Resolves when another program returns the terminal; undefined while the dashboard owns it. */
  #handedOver: Promise<void> | undefined;

  constructor(cli: Cli, client: ControlClient, options: DashboardOptions) {
    this.#cli = cli;
    this.#client = client;
    this.#world = new ClusterState(client.cluster);
    this.#terminal = new OwnedTerminal(options.mouse);
    this.#controller = new Controller({
      world: this.#world,
      size: { columns: cli.stdout.columns, rows: cli.stdout.rows },
      glyphs: options.ascii ? asciiGlyphs : unicodeGlyphs,
      theme: options.theme,
      readOnly: options.readOnly,
      mouse: options.mouse,
      preferences: options.preferences,
      now: cli.now,
      commands: cli.commands ?? [],
      perform: (effect: Effect) => {
        effects.perform(effect);
      },
    });
    const effects = new EffectRunner({
      cli,
      client,
      world: this.#world,
      controller: this.#controller,
      quit: () => {
        this.#ending.abort();
      },
      repaint: () => {
        this.#output.reset();
        this.#output.flush(this.#controller.frame().lines.length);
      },
      setMouseMode: (on) => {
        this.#terminal.setMouse(on);
      },
      runOnTerminal: (work) => {
        this.#handedOver ??= this.#handOver(work).finally(() => {
          this.#handedOver = undefined;
        });
      },
      signal: this.#ending.signal,
    });
  }

  async run(): Promise<void> {
    const { signal } = this.#ending;
    const controller = this.#controller;
    const stopHandling = this.#cli.interrupts.handle(() => {
      // While a shell owns the terminal, ctrl-c belongs to the shell.
      if (this.#handedOver === undefined) this.#ending.abort();
    });
    const stopSize = this.#cli.stdout.onResize(() => {
      this.#output.reset();
      controller.resize({ columns: this.#cli.stdout.columns, rows: this.#cli.stdout.rows });
    });
    const ticking = setInterval(() => {
      controller.changed();
    }, tickMs);
    const following = runFeed({
      client: this.#client,
      world: this.#world,
      now: this.#cli.now,
      changed: () => {
        controller.changed();
      },
      signal,
    });
    try {
      await this.#show();
      await this.#handedOver;
    } finally {
      this.#ending.abort();
      clearInterval(ticking);
      stopSize();
      stopHandling();
      controller.stop();
      this.#hide();
      await following;
    }
  }

  /** Shows the dashboard until it ends, across hand-overs. Rethrows errors of components. */
  async #show(): Promise<void> {
    const ended = new Promise<void>((resolve) => {
      this.#ending.signal.addEventListener(
        'abort',
        () => {
          resolve();
        },
        { once: true },
      );
    });
    while (!this.#ending.signal.aborted) {
      this.#terminal.enter();
      this.#output.reset();
      this.#instance = render(<App source={this.#controller} surface={this.#output} />, {
        stdout: new NullOutput() as unknown as NodeJS.WriteStream,
        exitOnCtrlC: false,
        patchConsole: false,
        // Disables Ink's rate limit: the controller decides when to render.
        debug: true,
      });
      await Promise.race([this.#instance.waitUntilExit(), ended]);
      await this.#handedOver;
    }
  }

  #hide(): void {
    this.#instance?.unmount();
    this.#instance = undefined;
    this.#terminal.leave();
  }

  async #handOver(work: () => Promise<string>): Promise<void> {
    this.#hide();
    try {
      this.#controller.flash(await work(), 'good');
    } catch (error) {
      this.#controller.flash(messageOf(error), 'bad');
    }
    // stdin stops reading a tick after it was paused and can be resumed only then.
    await setImmediate();
  }
}
