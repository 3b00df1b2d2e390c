import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Docker from 'dockerode';
import { builtProgram } from '../../fixtures/build/program.js';
import { openLab } from '../../fixtures/lab/lab.js';
import type { Lab } from '../../fixtures/lab/lab.js';
import { AppError } from '../../manager/common/base/errors.js';

const main = builtProgram();

/** A cluster on its own lab machines, driven by the real program. */
export class BenchCluster {
  readonly lab: Lab;
  readonly home: string;

  constructor(name: string, subnet: string) {
    this.lab = openLab({ name, subnet });
    this.home = mkdtempSync(join(tmpdir(), 'shoal-bench-'));
  }

  /**
   * Starts `count` machines and provisions them, the first as the manager. With `flags` for
   * `machine create`, provisions all of them at once.
   */
  async up(count: number, flags?: readonly string[]): Promise<void> {
    await this.lab.up(count);
    const names = Array.from({ length: count }, (_, index) => `node-${String(index + 1)}`);
    if (flags !== undefined) {
      await this.create(names, true, flags);
      return;
    }
    await this.create(names.slice(0, 1), true);
    if (count > 1) await this.create(names.slice(1), false);
  }

  /** Runs `shoal` and returns its standard output; throws if it fails. */
  async shoal(args: readonly string[], cwd = this.home, timeoutMs = 120_000): Promise<string> {
    const { code, stdout, stderr } = await this.try(args, cwd, timeoutMs);
    if (code === 0) return stdout;
    throw new AppError('internal', `shoal ${args.join(' ')} ended with ${String(code)}`, {
      detail: `${stdout}\n${stderr}`,
    });
  }

  try(
    args: readonly string[],
    cwd = this.home,
    timeoutMs = 120_000,
  ): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [main, ...args], {
        cwd,
        env: { ...process.env, SHOAL_HOME: this.home, NO_COLOR: '1' },
        stdio: ['ignore', 'pipe', 'pipe'],
        timeout: timeoutMs,
      });
      let stdout = '';
      let stderr = '';
      child.stdout.on('data', (data: Buffer) => (stdout += data.toString()));
      child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
      child.on('error', reject);
      child.on('close', (code) => {
        resolve({ code, stdout, stderr });
      });
    });
  }

  /** A client of a machine's engine, connected by socket instead of the network. */
  engine(node: string): Docker {
    return new Docker({ socketPath: this.lab.machine(node).engineSocket });
  }

  /** Creates a folder with this Compose file, to run commands in. */
  async project(name: string, compose: string): Promise<string> {
    const folder = join(this.home, name);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'compose.yaml'), compose);
    return folder;
  }

  async close(): Promise<void> {
    await this.lab.down();
    rmSync(this.home, { recursive: true, force: true });
  }

  private async create(
    names: readonly string[],
    master: boolean,
    more: readonly string[] = [],
  ): Promise<void> {
    const key = ['--generic-ssh-user', 'root', '--generic-ssh-key', this.lab.keyPath];
    const addresses = names.flatMap((name) => [
      '--generic-ip-address',
      this.lab.machine(name).address,
    ]);
    const role = master ? ['--swarm', '--swarm-master'] : ['--swarm'];
    const flags = ['machine', 'create', '--driver', 'generic', ...key, ...role, ...more];
    await this.shoal([...flags, ...addresses, ...names], this.home, 300_000);
  }
}

/** Runs `body` with a cluster, which is always removed afterwards. */
export async function withCluster(
  name: string,
  subnet: string,
  body: (cluster: BenchCluster) => Promise<void>,
): Promise<void> {
  const cluster = new BenchCluster(name, subnet);
  try {
    await body(cluster);
  } finally {
    await cluster.close();
  }
}
