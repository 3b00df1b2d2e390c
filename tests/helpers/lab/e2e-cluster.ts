import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { builtProgram } from '../../../fixtures/build/program.js';
import { buildArchive } from '../../../fixtures/images/archive.js';
import { busyboxImage } from '../../../fixtures/images/busybox.js';
import { loadImages } from '../../../fixtures/images/load.js';
import type { Lab } from '../../../fixtures/lab/lab.js';
import { openLab } from '../../../fixtures/lab/lab.js';
import type { Machine } from '../../../fixtures/lab/machine.js';
import { todoImages } from '../../../fixtures/todo-app/images.js';
import type { ProgramResult } from '../program/shoal-program.js';

const main = builtProgram();
export const todoAppDir = fileURLToPath(new URL('../../../../fixtures/todo-app', import.meta.url));

/** The part of a container's `ps --format json` that the tests read. */
export interface PsRow {
  readonly Name: string;
  readonly Service: string;
  readonly State: string;
  readonly Status: string;
  readonly Node: string;
  readonly Restarts: number;
  readonly ID: string;
}

/**
 * Lab machines (three by default) that the program itself made into a cluster, with the images of
 * the tests.
 */
export class E2eCluster {
  readonly lab: Lab;
  readonly home: string;

  /** A cluster that exists already; `home` is the folder of its client. */
  constructor(lab: Lab, home: string) {
    this.lab = lab;
    this.home = home;
  }

  static async create(
    name: string,
    subnet: string,
    createFlags: readonly string[] = [],
    count = 3,
  ): Promise<E2eCluster> {
    const lab = openLab({ name, subnet });
    await lab.down();
    const cluster = new E2eCluster(lab, await mkdtemp(join(tmpdir(), 'shoal-e2e-')));
    await cluster.provision(createFlags, count);
    return cluster;
  }

  /** Makes the machines and the cluster; after an error nothing of them is left. */
  async provision(createFlags: readonly string[], count: number): Promise<void> {
    try {
      await this.#provision(createFlags, count);
    } catch (error) {
      await this.remove();
      throw error;
    }
  }

  async #provision(createFlags: readonly string[], count: number): Promise<void> {
    const { lab } = this;
    const [machines, archive] = await Promise.all([
      lab.up(count),
      Promise.all([busyboxImage(), todoImages()]).then(([busybox, todo]) =>
        buildArchive([busybox, ...todo]),
      ),
    ]);
    const created = await this.run([
      ...['machine', 'create', '--driver', 'generic', '--generic-ssh-user', 'root'],
      ...['--generic-ssh-key', lab.keyPath, '--swarm', '--swarm-master', ...createFlags],
      ...machines.flatMap(({ address }) => ['--generic-ip-address', address]),
      ...machines.map((machine) => machine.name),
    ]);
    if (created.code !== 0)
      throw new Error(`machine create failed: ${created.stderr}${created.stdout}`);
    await loadImages(archive, machines);
  }

  /** Starts `shoal …` in a folder, by default the to-do application's, and does not wait for it. */
  start(
    argv: readonly string[],
    cwd = todoAppDir,
    env: Readonly<Record<string, string>> = {},
  ): ChildProcess {
    return spawn(process.execPath, [main, ...argv], {
      cwd,
      env: { PATH: process.env.PATH, HOME: this.home, ...env, SHOAL_HOME: this.home },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  async run(
    argv: readonly string[],
    cwd = todoAppDir,
    env: Readonly<Record<string, string>> = {},
  ): Promise<ProgramResult> {
    return resultOf(this.start(argv, cwd, env));
  }

  /** Standard output of a command that must succeed. */
  async output(argv: readonly string[], cwd = todoAppDir): Promise<string> {
    const { code, stdout, stderr } = await this.run(argv, cwd);
    if (code !== 0) throw new Error(`shoal ${argv.join(' ')} ended with ${code}: ${stderr}`);
    return stdout;
  }

  async ps(argv: readonly string[] = [], cwd = todoAppDir): Promise<readonly PsRow[]> {
    const lines = await this.output([...argv, 'ps', '--format', 'json', '--no-trunc'], cwd);
    return lines
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as PsRow);
  }

  /** Creates a folder with a Compose file; removed with the cluster. */
  async project(name: string, compose: string): Promise<string> {
    const folder = join(this.home, 'projects', name);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'compose.yaml'), compose);
    return folder;
  }

  machines(): readonly Machine[] {
    return this.lab.machines();
  }

  /** Runs a command in every running machine; returns standard output by machine name. */
  async outputOnAll(argv: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const running = this.machines().filter((machine) => machine.running);
    const outputs = await Promise.all(
      running.map(async (machine) => [machine.name, await machine.output(argv)] as const),
    );
    return new Map(outputs);
  }

  async remove(): Promise<void> {
    await this.lab.down();
    await rm(this.home, { recursive: true, force: true });
  }
}

/** Longest time (ms) that a command may take on a busy machine. */
const commandDeadlineMs = 4 * 60_000;

/**
 * Waits for a program's end. Throws with the output so far if it takes longer than four minutes;
 * the program is then killed.
 */
export async function resultOf(child: ChildProcess): Promise<ProgramResult> {
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
    });
  const deadline = AbortSignal.timeout(commandDeadlineMs);
  try {
    const [code] = (await once(child, 'close', { signal: deadline })) as [number | null];
    return { code, ...output };
  } catch (error) {
    child.kill('SIGKILL');
    if (!deadline.aborted) throw error;
    throw new Error(
      `${child.spawnargs.join(' ')} did not end in ${commandDeadlineMs / 1000} s; it printed: ${output.stdout}${output.stderr}`,
      { cause: error },
    );
  }
}
