import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError, isAppError } from '../../manager/common/base/errors.js';
import type { KeyPair } from '../../manager/common/pki/pki.js';
import { packApp } from '../bundle/app-bundle.js';
import type { UserAuthority } from '../certificates/authority.js';
import { loadUserAuthority } from '../certificates/authority.js';
import type { AskPassphrase } from '../certificates/passphrase.js';
import type { EngineAuthority } from '../certificates/engine-authority.js';
import { issueEngineClient, loadEngineAuthority } from '../certificates/engine-authority.js';
import type { ClientCredentials } from '../inventory/engine-client.js';
import type { MachineStore } from '../inventory/machine-store.js';
import type { Uploads } from '../provision/provision.js';
import type { MachineRecord } from '../inventory/machine-record.js';
import type { HostKey } from '../ssh/known-hosts.js';
import { RemoteMachine } from '../ssh/remote-machine.js';
import type { Upload } from '../bundle/runtime.js';
import { cacheApp, executableArch, packConsul, packRuntime } from '../bundle/runtime.js';
import type { SshTarget } from '../ssh/target.js';
import type { EffectiveConfig } from '../ssh/transport/effective-config.js';
import type { SshPrompts } from '../ssh/transport/prompts.js';
import { readHostConfig } from '../ssh/transport/setup.js';
import { promptsOf } from './terminal-questioner.js';
import { readHostKey, SshSession } from '../ssh/ssh.js';

export interface ProvisionContextOptions {
  readonly store: MachineStore;
  readonly env: NodeJS.ProcessEnv;
  /** --runtime. */
  readonly runtimePath?: string | undefined;
  /** --consul-binary. */
  readonly consulPath?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Asks for the passphrase of the CA key; by default the command's user, once. */
  readonly ask?: AskPassphrase | undefined;
}

const connectTimeoutMs = 10_000;
/** Time in which a new machine may still be booting, ms. */
const firstContactMs = 15_000;

/**
 * Resources that a command shares between its machines: the user's certificates and the packed
 * program, created once on first use, and ssh sessions, which `close` ends.
 */
export class ProvisionContext {
  readonly store: MachineStore;
  readonly signal: AbortSignal | undefined;
  readonly #options: ProvisionContextOptions;
  readonly #uploads = new Map<string, Promise<Uploads>>();
  readonly #sessions: SshSession[] = [];
  readonly #prompts: SshPrompts;
  #authority: Promise<UserAuthority> | undefined;
  #consul: Promise<Upload> | undefined;

  constructor(options: ProvisionContextOptions) {
    this.#options = options;
    this.store = options.store;
    this.signal = options.signal;
    this.#prompts = promptsOf(options.env);
  }

  async authority(): Promise<UserAuthority> {
    this.#authority ??= loadUserAuthority(this.store, new Date(), this.#options.ask);
    return this.#authority;
  }

  async credentials(): Promise<ClientCredentials> {
    await this.authority();
    const read = async (file: string): Promise<string> =>
      readFile(join(this.store.certsFolder, file), 'utf8');
    const [ca, cert, key] = await Promise.all([read('ca.pem'), read('cert.pem'), read('key.pem')]);
    return { ca, cert, key };
  }

  /** The CA that the engines of a cluster trust, and the certificate for them. */
  async engineAccess(
    cluster: string,
  ): Promise<{ readonly authority: EngineAuthority; readonly client: KeyPair }> {
    const now = new Date();
    const authority = await loadEngineAuthority(this.store, cluster, now);
    return { authority, client: await issueEngineClient(this.store, cluster, now) };
  }

  async uploadsFor(arch: string): Promise<Uploads> {
    const cached = this.#uploads.get(arch);
    if (cached !== undefined) return cached;
    const packed = this.#pack(arch);
    this.#uploads.set(arch, packed);
    return packed;
  }

  /** The binary of --consul-binary, packed once; undefined without that flag. */
  async consulFor(arch: string): Promise<Upload | undefined> {
    const { consulPath } = this.#options;
    if (consulPath === undefined) return undefined;
    this.#consul ??= packConsul(consulPath, arch, this.store.cacheFolder);
    return this.#consul;
  }

  target(record: MachineRecord): SshTarget {
    const { Driver: driver } = record;
    return {
      name: record.Name,
      host: driver.SSHHost ?? driver.IPAddress,
      port: driver.SSHPort,
      user: driver.SSHUser,
      keyPath: driver.SSHKeyPath === '' ? undefined : this.store.resolve(driver.SSHKeyPath),
      hostKey: driver.SSHHostKey === '' ? undefined : driver.SSHHostKey,
      publicHostKey: driver.SSHPublicHostKey,
    };
  }

  /**
   * Opens a session to a machine. Temporary failures (a machine that is booting) are retried for
   * `retryMs`.
   */
  async connect(target: SshTarget, retryMs = 0): Promise<RemoteMachine> {
    return this.#withRetries(retryMs, async () => {
      return new RemoteMachine(await this.openSession(target), this.signal);
    });
  }

  /** A session that `close` ends; a single attempt. */
  async openSession(
    target: SshTarget,
    timeoutMs = connectTimeoutMs,
    signal = this.signal,
  ): Promise<SshSession> {
    const { env } = this.#options;
    const prompts = this.#prompts;
    const session = await SshSession.connect(target, { timeoutMs, signal, env, prompts });
    this.#sessions.push(session);
    return session;
  }

  async #withRetries<T>(retryMs: number, attempt: () => Promise<T>): Promise<T> {
    const end = Date.now() + retryMs;
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        const canRetry = isAppError(error) && error.temporary && Date.now() < end;
        if (!canRetry) throw error;
      }
      await delay(500, undefined, { signal: this.signal });
    }
  }

  /**
   * The host key that a machine offers, retried like a first connection. Kinds in `prefer` are
   * negotiated first.
   */
  async offeredHostKey(record: MachineRecord, prefer: readonly string[] = []): Promise<HostKey> {
    const target = this.target(record);
    const { env } = this.#options;
    const prompts = this.#prompts;
    const how = { timeoutMs: connectTimeoutMs, signal: this.signal, env, prompts };
    return this.#withRetries(firstContactMs, async () => readHostKey(target, how, prefer));
  }

  /** Settings that ssh's configuration gives a host; the user defaults to root. */
  async sshConfig(host: string): Promise<EffectiveConfig> {
    const { env } = this.#options;
    return readHostConfig(host, { env, signal: this.signal });
  }

  async connectTo(record: MachineRecord, retryMs = 0): Promise<RemoteMachine> {
    return this.connect(this.target(record), retryMs);
  }

  close(): void {
    for (const session of this.#sessions) session.close();
  }

  async #pack(arch: string): Promise<Uploads> {
    const path = this.#options.runtimePath ?? process.execPath;
    const actual = await executableArch(path);
    if (actual !== arch) {
      throw new AppError(
        'unsupported',
        `runtime ${path} is for ${actual}, the machine is ${arch}; set --runtime to the bin/node of a linux ${arch} build of Node 20`,
      );
    }
    const [runtime, app] = await Promise.all([
      packRuntime(path, this.store.cacheFolder),
      packApp().then(async (bundle) => cacheApp(bundle, this.store.cacheFolder)),
    ]);
    return { runtime, app };
  }
}
