import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import { freePorts } from '../../fixtures/consul/ports.js';
import type { ControlCallMap, ControlCallName } from '../../manager/common/protocol/control.js';
import { paths } from '../../manager/common/protocol/messages.js';
import { HttpCaller } from '../../manager/common/protocol/transport-call.js';
import type { TestPki } from './pki.js';
import { isManagerOf } from './pki.js';
import { until } from './until.js';

const program = fileURLToPath(new URL('../../cli/main.js', import.meta.url));

export const testClusterId = 'c1';

export interface ManagersOptions {
  readonly pki: TestPki;
  /** `consul://…`. */
  readonly discovery: string;
  /** More fields of `consul` in the settings. */
  readonly consul?: object;
  readonly clusterName: string;
  readonly clusterId?: string;
}

/** One manager's process on loopback. */
export class ManagerProcess {
  readonly nodeId: string;
  readonly port: number;
  readonly #config: string;
  readonly #t: ExecutionContext;
  #child: ChildProcess | undefined;
  #caller: HttpCaller | undefined;
  readonly #pki: TestPki;
  output = '';
  exit: Promise<number | null> = Promise.resolve(null);

  constructor(
    t: ExecutionContext,
    place: { readonly nodeId: string; readonly port: number; readonly config: string },
    pki: TestPki,
  ) {
    this.#t = t;
    this.nodeId = place.nodeId;
    this.port = place.port;
    this.#config = place.config;
    this.#pki = pki;
  }

  /** Where the key is that seals secrets. */
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

  /** Takes what the cluster has in Consul away, as the last of its managers does when it is removed. */
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
      const caller = new HttpCaller({
        address: this.address,
        tls: await this.#pki.client('ada'),
        verifyPeer: isManagerOf(testClusterId),
      });
      this.#t.teardown(() => {
        caller.close();
      });
      this.#caller = caller;
    }
    const result = await this.#caller.call({ path: paths.call + name, body: args, timeoutMs });
    return result;
  }
}

/** Managers that share one Consul, each a process of its own; none is started. */
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

/** Waits until every manager answers and says who leads; returns that one. */
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
  if (leader === undefined) throw new Error('nobody leads');
  return leader;
}
