import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { waitFor } from '../../../fixtures/lab/wait.js';

const run = promisify(execFile);

/** A pseudo-terminal with a shell, on a tmux server of its own. */
export class Tmux {
  readonly #folder: string;
  readonly #env: NodeJS.ProcessEnv;

  private constructor(folder: string, env: NodeJS.ProcessEnv) {
    this.#folder = folder;
    this.#env = env;
  }

  static async start(
    columns: number,
    rows: number,
    env: Readonly<Record<string, string>>,
  ): Promise<Tmux> {
    const folder = mkdtempSync(join(tmpdir(), 'shoal-tmux-'));
    const tmux = new Tmux(folder, { ...process.env, LANG: 'C.UTF-8', ...env });
    const size = ['-x', String(columns), '-y', String(rows)];
    await tmux.#tmux('-u', 'new-session', '-d', ...size, 'sh');
    return tmux;
  }

  async #tmux(...args: readonly string[]): Promise<string> {
    const socket = join(this.#folder, 'socket');
    const { stdout } = await run('tmux', ['-S', socket, ...args], { env: this.#env });
    return stdout;
  }

  /** Sends tmux key names (`Enter`, `C-c`) or texts. */
  async keys(...keys: readonly string[]): Promise<void> {
    for (const key of keys) await this.#tmux('send-keys', '--', key);
  }

  screen(withColors = false): Promise<string> {
    return this.#tmux('capture-pane', '-p', ...(withColors ? ['-e'] : []));
  }

  /** Waits until the screen matches; the error contains the last screen. */
  async waitForScreen(pattern: RegExp, timeoutMs = 20_000): Promise<string> {
    let last = '';
    await waitFor(
      `${String(pattern)} in the terminal`,
      async () => {
        last = await this.screen();
        return pattern.test(last);
      },
      { timeoutMs },
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}; it shows:\n${last}`);
    });
    return last;
  }

  async stop(): Promise<void> {
    await this.#tmux('kill-server').catch(() => '');
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
