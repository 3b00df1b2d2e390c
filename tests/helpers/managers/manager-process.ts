import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import { freePorts } from '../../../fixtures/consul/ports.js';
import type { ControlCallMap, ControlCallName } from '../../../manager/common/protocol/control.js';
import { apiPaths } from '../../../manager/common/protocol/messages.js';
import { ManagerHttpClient } from '../../../manager/common/protocol/transport-call.js';
import type { TestPki } from '../pki/pki.js';
import { isManagerOf } from '../pki/pki.js';
import { until } from '../until.js';

const program = fileURLToPath(new URL('../../../cli/main.js', import.meta.url));

export const testClusterId = 'c1';

export interface ManagersOptions {
  readonly pki: TestPki;
  /** A `consul://…` address. */
  readonly discovery: string;
  /** Further fields of `consul` in the settings. */
  readonly consul?: object;
  readonly clusterName: string;
  readonly clusterId?: string;
}

/** A manager process on loopback. */
export class ManagerProcess {
  readonly nodeId: string;
  readonly port: number;
  readonly #config: string;
  readonly #t: ExecutionContext;
  #child: ChildProcess | undefined;
  #caller: ManagerHttpClient | undefined;
  readonly #pki: TestPki;
  output = '';
  exit: Promise<number | null> = Promise.resolve(null);

  constructor(
    t: ExecutionContext,
    location: { readonly nodeId: string; readonly port: number; readonly config: string },
    pki: TestPki,
  ) {
    this.#t = t;
    this.nodeId = location.nodeId;
    this.port = location.port;
    this.#config = location.config;
    this.#pki = pki;
  }

  /** Path of the key that seals secrets. */
  get keyPath(): string {
    return join(dirname(this.#config), 'data', 'cluster.key');
  }

  get address(): string {
    return `127.0.0.1:${String(this.port)}`;
  }

  start(): void {
    const child = spawn(process.execPath, [program, 'manager', '--config', this.#config], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#child = child;
    this.#t.teardown(() => {
      child.kill('SIGCONT');
      child.kill('SIGKILL');
    });
    child.stderr.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    this.exit = once(child, 'close').then(([code]) => code as number | null);
  }

  /**
   * Runs `manager --retire`, which deletes the cluster's keys in Consul, as the last manager does
   * when it is removed.
   */
  async retire(): Promise<number | null> {
    const argv = [program, 'manager', '--config', this.#config, '--retire'];
    const child = spawn(process.execPath, argv, { stdio: 'ignore' });
    const [code] = (await once(child, 'close')) as [number | null];
    return code;
  }

  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name);
  }

  async call<Name extends ControlCallName>(
    name: Name,
    args: ControlCallMap[Name]['args'],
    timeoutMs = 15_000,
  ): Promise<ControlCallMap[Name]['result']> {
    if (this.#caller === undefined) {
      const caller = new ManagerHttpClient({
        address: this.address,
        tls: await this.#pki.client('ada'),
        verifyPeer: isManagerOf(testClusterId),
      });
      this.#t.teardown(() => {
        caller.close();
      });
      this.#caller = caller;
    }
    const result = await this.#caller.call({ path: apiPaths.call + name, body: args, timeoutMs });
    return result;
  }
}

/** Prepares managers that share one Consul, each its own process. Does not start them. */
export async function prepareManagers(
  t: ExecutionContext,
  nodeIds: readonly string[],
  options: ManagersOptions,
): Promise<readonly ManagerProcess[]> {
  const ports = await freePorts(nodeIds.length);
  return Promise.all(
    nodeIds.map(async (nodeId, at) => {
      const port = ports[at] ?? 0;
      const folder = await mkdtemp(join(tmpdir(), 'shoal-managers-'));
      t.teardown(() => rm(folder, { recursive: true, force: true }));
      const { ca, cert, key } = await options.pki.node('manager', nodeId);
      await writeFile(join(folder, 'ca.pem'), ca);
      await writeFile(join(folder, 'cert.pem'), cert);
      await writeFile(join(folder, 'key.pem'), key, { mode: 0o600 });
      const config = join(folder, 'manager.json');
      await writeFile(
        config,
        JSON.stringify({
          clusterId: options.clusterId ?? testClusterId,
          clusterName: options.clusterName,
          nodeId,
          listen: `127.0.0.1:${String(port)}`,
          advertise: `127.0.0.1:${String(port)}`,
          dataDir: join(folder, 'data'),
          discovery: options.discovery,
          ...(options.consul === undefined ? {} : { consul: options.consul }),
          pki: {
            ca: join(folder, 'ca.pem'),
            cert: join(folder, 'cert.pem'),
            key: join(folder, 'key.pem'),
          },
        }),
      );
      return new ManagerProcess(t, { nodeId, port, config }, options.pki);
    }),
  );
}

/** Waits until every manager answers and all name the same leader; returns it. */
export async function leaderOf(managers: readonly ManagerProcess[]): Promise<ManagerProcess> {
  let leader: ManagerProcess | undefined;
  await until('one manager leads and all know', 30_000, async () => {
    const infos = await Promise.all(
      managers.map((manager) => manager.call('info', {}, 5_000).catch(() => undefined)),
    );
    const ids = new Set(infos.map((info) => info?.nodeId));
    leader = managers.find(({ nodeId }) => ids.size === 1 && ids.has(nodeId));
    return leader !== undefined;
  });
  if (leader === undefined) throw new Error('no manager leads');
  return leader;
}
