import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { messageOf } from '../../manager/common/base/errors.js';
import type { Cli } from '../cli.js';
import type { ControlClient } from '../client/client.js';
import { streamLogs } from '../client/stream.js';
import type { Controller } from './controller.js';
import { runCaptured } from './run-command.js';
import type { ClusterAction, ActionRequest } from './view-model/update/action.js';
import type { LogBuffer } from './view-model/state/logs.js';
import type { Effect, LogScreen } from './view-model/state/model.js';
import { pushScreen } from './view-model/state/model.js';
import type { ClusterState } from './view-model/state/cluster-state.js';

/** Dependencies of the effects. */
export interface EffectDependencies {
  readonly cli: Cli;
  readonly client: ControlClient;
  readonly world: ClusterState;
  readonly controller: Controller;
  readonly quit: () => void;
  /** Redraws the whole screen, over output of other programs. */
  readonly repaint: () => void;
  readonly setMouseMode: (on: boolean) => void;
  /**
   * Releases the terminal to `work`, then reclaims it and flashes the message `work` resolves with.
   */
  readonly runOnTerminal: (work: () => Promise<string>) => void;
  readonly signal: AbortSignal;
}

const tailLines = 1_000;
/** Commands that interact with the user: they run on the terminal itself. */
const interactive = new Set(['exec', 'attach', 'run', 'machine ssh']);

/** Runs the effects of the model; failures are flashed, never thrown. */
export class EffectRunner {
  readonly #deps: EffectDependencies;
  #learned = false;
  readonly #logs = new Map<LogBuffer, AbortController>();

  constructor(deps: EffectDependencies) {
    this.#deps = deps;
  }

  perform(effect: Effect): void {
    const { quit, repaint } = this.#deps;
    switch (effect.kind) {
      case 'quit':
        quit();
        return;
      case 'repaint':
        repaint();
        return;
      case 'act':
        void this.#act(effect.action);
        return;
      case 'openLogs':
        void this.#readLogs(effect.screen);
        return;
      case 'closeLogs':
        this.#logs.get(effect.buffer)?.abort();
        this.#logs.delete(effect.buffer);
        return;
      case 'save':
        void this.#save(effect.name, effect.lines);
        return;
      case 'copy':
        // OSC 52: the terminal copies the text to the clipboard, also over SSH.
        this.#deps.cli.stdout.write(
          `\u001b]52;c;${Buffer.from(effect.text).toString('base64')}\u0007`,
        );
        return;
      case 'mouse':
        this.#deps.setMouseMode(effect.on);
        return;
      case 'learnCommands':
        if (!this.#learned) void this.#learn();
        return;
      case 'shell':
        this.#shell(effect.taskId);
        return;
      case 'run':
        this.#run(effect.words, effect.project);
    }
  }

  /** Loads every command for completion; deferred until the user types `:`. */
  async #learn(): Promise<void> {
    this.#learned = true;
    const { cli, controller } = this.#deps;
    try {
      const { loadCommandTrees } = await import('./load-command-trees.js');
      controller.setCommands(await loadCommandTrees(cli));
    } catch (error) {
      controller.flash(messageOf(error), 'bad');
    }
  }

  async #act(action: ClusterAction): Promise<void> {
    const { controller } = this.#deps;
    controller.flash(`${action.title} …`, 'good');
    const results = await Promise.allSettled(action.requests.map((request) => this.#ask(request)));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed === undefined) controller.flash(`${action.title}: done`, 'good');
    else controller.flash(`${action.title}: ${messageOf(failed.reason)}`, 'bad');
  }

  #ask({ name, args }: ActionRequest): Promise<unknown> {
    const { client, signal } = this.#deps;
    return client.call(name, args, { signal, timeoutMs: 60_000 });
  }

  async #readLogs(screen: LogScreen): Promise<void> {
    const { client, controller, signal, cli } = this.#deps;
    const { buffer, project, services, index, sinceMinutes } = screen;
    const abort = new AbortController();
    this.#logs.set(buffer, abort);
    const anySignal = AbortSignal.any([signal, abort.signal]);
    const range =
      sinceMinutes === undefined
        ? { tail: tailLines }
        : { sinceMs: cli.now() - sinceMinutes * 60_000 };
    try {
      const args = {
        project,
        services,
        ...(index === undefined ? {} : { index }),
        options: { follow: true, ...range },
      };
      for await (const lines of streamLogs(client, args, anySignal)) {
        buffer.push(lines);
        controller.changed();
      }
      buffer.end('ended', '');
    } catch (error) {
      buffer.end('lost', messageOf(error));
    } finally {
      this.#logs.delete(buffer);
      controller.changed();
    }
  }

  async #save(name: string, lines: readonly string[]): Promise<void> {
    const { cli, controller } = this.#deps;
    const safe = name.replace(/[^\w.-]+/gu, '-');
    const stamp = new Date(cli.now()).toISOString().replace(/[:.]/gu, '-');
    const path = resolve(cli.cwd, `shoal-${safe}-${stamp}.txt`);
    try {
      await writeFile(path, lines.map((line) => `${line}\n`).join(''), { mode: 0o600, flag: 'wx' });
      controller.flash(`saved ${lines.length} lines to ${path}`, 'good');
    } catch (error) {
      controller.flash(messageOf(error), 'bad');
    }
  }

  #shell(taskId: string): void {
    const { world, runOnTerminal: handOver, cli, client, controller } = this.#deps;
    const task = world.tasks.get(taskId);
    if (task?.status.state !== 'running') {
      controller.flash('the task is not running', 'bad');
      return;
    }
    const node = world.nodeOf(task)?.spec.name ?? 'its machine';
    handOver(async () => {
      const { runShell } = await import('./shell.js');
      cli.stdout.write(`shell in ${task.containerName} on ${node}; exit or ctrl-d returns\n`);
      return await runShell(cli, client, task);
    });
  }

  #run(words: readonly string[], project: string | undefined): void {
    const { cli, runOnTerminal: handOver, controller } = this.#deps;
    const run = { cli, words, project };
    if (interactive.has(words[0] ?? '') || interactive.has(words.slice(0, 2).join(' '))) {
      handOver(async () => {
        const { runInherited } = await import('./run-command.js');
        return await runInherited(run);
      });
      return;
    }
    const title = `shoal ${words.join(' ')}`;
    const source = { kind: 'output', title, lines: ['…'] } as const;
    controller.change((state) => pushScreen(state, { kind: 'text', source, top: 0 }));
    void runCaptured(run, this.#deps.signal, (lines) => {
      // The screen may have been closed or covered by another one.
      controller.change((state) => ({
        ...state,
        stack: state.stack.map((screen) =>
          screen.kind === 'text' && screen.source.kind === 'output' && screen.source.title === title
            ? { ...screen, source: { kind: 'output', title, lines } }
            : screen,
        ),
      }));
    });
  }
}
