import type { ExecutionContext } from 'ava';
import type { Decoder } from '../../../manager/common/base/decode.js';
import { decode } from '../../../manager/common/base/decode.js';
import { systemClock } from '../../../manager/common/base/clock.js';
import { jsonLogger } from '../../../manager/common/base/log.js';
import { newId } from '../../../manager/common/base/random.js';
import type { LivenessTiming } from '../../../manager/dispatcher/nodes/node-liveness.js';
import { ManagerCredentials } from '../../../manager/security/credentials.js';
import { Manager } from '../../../manager/manager.js';
import type {
  ControlCallMap,
  ControlCallName,
  ControlStreamMap,
  ControlStreamName,
} from '../../../manager/common/protocol/control.js';
import { controlResults } from '../../../manager/common/protocol/control-results.js';
import { apiPaths } from '../../../manager/common/protocol/messages.js';
import { dial } from '../../../manager/common/protocol/transport.js';
import type { TlsMaterial } from '../../../manager/common/protocol/transport-tls.js';
import { ManagerHttpClient } from '../../../manager/common/protocol/transport-call.js';
import type { Connection } from '../../../manager/common/protocol/transport-connection.js';
import type { ManagerSettings } from '../../../manager/common/settings/manager-settings.js';
import type { StoreBackend } from '../../../manager/store/backend.js';
import { MemoryBackend } from '../stores/memory-backend.js';
import { FakeWorker, type FakeWorkerOptions } from '../fakes/fake-worker.js';
import type { TestPki } from '../pki/pki.js';
import { createTestPki, isManagerOf } from '../pki/pki.js';

export interface TestManagerOptions {
  readonly pki: TestPki;
  readonly backend?: StoreBackend;
  readonly probe?: (address: string) => Promise<boolean>;
  /** Overrides parts of the quick timing. */
  readonly timing?: Partial<LivenessTiming>;
  /** Path of the key that seals secrets. */
  readonly keyPath?: string;
  /** Paths of the renewable certificate and of the intermediate it signs with. */
  readonly pkiPaths?: ManagerSettings['pki'];
}

const clusterId = 'c1';

const quickTiming: LivenessTiming = {
  deadlineMs: 1_500,
  workerGraceMs: 1_500,
  probeIntervalMs: 50,
  engineGraceMs: 60_000,
};

/** Pre-generates the usual keys, which takes longer than a node may be away in a test. */
export async function createManagerPki(): Promise<TestPki> {
  const pki = await createTestPki(clusterId);
  await Promise.all([
    pki.node('manager', 'm1'),
    pki.client('ada'),
    ...['w1', 'w2', 'w3'].map((id) => pki.node('worker', id)),
  ]);
  return pki;
}

/** A whole manager on loopback without a disk; `log` collects its log lines. */
export class TestManager {
  readonly log: string[] = [];
  readonly #t: ExecutionContext;
  readonly #pki: TestPki;
  readonly #manager: Manager;
  #caller: ManagerHttpClient | undefined;

  static async start(t: ExecutionContext, options: TestManagerOptions): Promise<TestManager> {
    const lines: string[] = [];
    const log = jsonLogger(
      'debug',
      (line) => lines.push(line),
      () => Date.now(),
    );
    const settings: ManagerSettings = {
      clusterId,
      clusterName: 'test',
      nodeId: 'm1',
      listen: { host: '127.0.0.1', port: 0 },
      advertise: '127.0.0.1:7070',
      dataDir: '/nonexistent',
      pki: options.pkiPaths ?? { ca: '', cert: '', key: '' },
      strategy: 'spread',
      logLevel: 'debug',
    };
    const credentials =
      options.pkiPaths === undefined
        ? undefined
        : await ManagerCredentials.read({ settings, clock: systemClock, log, random: () => 0 });
    const manager = new Manager({
      settings,
      tls: credentials?.tls ?? (await options.pki.node('manager', 'm1')),
      ...(credentials === undefined ? {} : { credentials }),
      version: '0.0.0',
      clock: systemClock,
      log,
      newId,
      openBackend: () => Promise.resolve(options.backend ?? new MemoryBackend()),
      ...(options.keyPath === undefined ? {} : { keyPath: options.keyPath }),
      timing: { ...quickTiming, ...options.timing },
      probe: options.probe ?? (() => Promise.resolve(true)),
    });
    await manager.start();
    const test = new TestManager(t, options.pki, manager, lines);
    t.teardown(() => test.stop());
    return test;
  }

  private constructor(t: ExecutionContext, pki: TestPki, manager: Manager, log: string[]) {
    this.#t = t;
    this.#pki = pki;
    this.#manager = manager;
    this.log = log;
  }

  get port(): number {
    return this.#manager.port;
  }

  async stop(): Promise<void> {
    this.#caller?.close();
    await this.#manager.stop();
  }

  async join(nodeId: string, options: Partial<FakeWorkerOptions> = {}): Promise<FakeWorker> {
    const tls = options.tls ?? (await this.#pki.node('worker', nodeId));
    const worker = await FakeWorker.join({
      port: this.port,
      clusterId,
      nodeId,
      tls,
      ...options,
    });
    this.#t.teardown(() => {
      worker.leave();
    });
    return worker;
  }

  async call<Name extends ControlCallName>(
    name: Name,
    args: ControlCallMap[Name]['args'],
    tls?: TlsMaterial,
  ): Promise<ControlCallMap[Name]['result']> {
    const caller =
      tls === undefined
        ? (this.#caller ??= this.#callerWith(await this.#pki.client('ada')))
        : this.#callerWith(tls);
    if (tls !== undefined) {
      this.#t.teardown(() => {
        caller.close();
      });
    }
    const path = apiPaths.call + name;
    const result = await caller.call({ path, body: args, timeoutMs: 10_000 });
    const decoder: Decoder<ControlCallMap[Name]['result']> = controlResults[name];
    return decode(result, decoder, `answer to ${name}`);
  }

  #callerWith(tls: TlsMaterial): ManagerHttpClient {
    const address = `127.0.0.1:${this.port}`;
    return new ManagerHttpClient({ address, tls, verifyPeer: isManagerOf(clusterId) });
  }

  async stream<Name extends ControlStreamName>(
    name: Name,
    args: ControlStreamMap[Name]['args'],
    as: { readonly tls?: TlsMaterial; readonly headers?: Readonly<Record<string, string>> } = {},
  ): Promise<Connection> {
    const connection = await dial({
      address: `127.0.0.1:${this.port}`,
      path: apiPaths.stream + name,
      tls: as.tls ?? (await this.#pki.client('ada')),
      verifyPeer: isManagerOf(clusterId),
      keepAlive: 'stream',
      ...(as.headers === undefined ? {} : { headers: as.headers }),
    });
    this.#t.teardown(() => {
      connection.close();
    });
    await connection.send(JSON.stringify(args));
    return connection;
  }
}
