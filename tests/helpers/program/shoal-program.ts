import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../../cli/main.js', import.meta.url));

export interface ProgramResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The real program with a temporary home folder. */
export class ShoalProgram {
  readonly home: string;

  private constructor(home: string) {
    this.home = home;
  }

  static async create(): Promise<ShoalProgram> {
    return new ShoalProgram(await mkdtemp(join(tmpdir(), 'shoal-home-')));
  }

  /** Runs `shoal …` with empty standard input. */
  async run(argv: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<ProgramResult> {
    const child = spawn(process.execPath, [main, ...argv], {
      env: { PATH: process.env.PATH, HOME: this.home, SHOAL_HOME: this.home, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const closed = once(child, 'close') as Promise<[number | null]>;
    const [stdout, stderr, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      closed,
    ]);
    return { code, stdout, stderr };
  }

  async remove(): Promise<void> {
    await rm(this.home, { recursive: true, force: true });
  }
}
