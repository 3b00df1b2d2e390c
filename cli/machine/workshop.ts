import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError, isAppError } from '../../manager/common/base/errors.js';
import { packApp } from '../bundle/app-bundle.js';
import type { UserAuthority } from '../certificates/authority.js';
import { userAuthority } from '../certificates/authority.js';
import type { Credentials } from '../inventory/engine-client.js';
import type { MachineStore } from '../inventory/machine-store.js';
import type { Uploads } from '../provision/provision.js';
import type { MachineRecord } from '../inventory/record.js';
import { RemoteMachine } from '../ssh/remote-machine.js';
import type { Upload } from '../bundle/runtime.js';
import { cacheApp, executableArch, packConsul, packRuntime } from '../bundle/runtime.js';
import type { SshTarget } from '../ssh/ssh.js';
import { SshSession } from '../ssh/ssh.js';

export interface WorkshopOptions {
  readonly store: MachineStore;
  readonly env: NodeJS.ProcessEnv;
  /** --runtime. */
  readonly runtimePath?: string | undefined;
  /** --consul-binary. */
  readonly consulPath?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

const connectTimeoutMs = 10_000;

async function readable(path: string): Promise<boolean> {
  return readFile(path).then(
    () => true,
    () => false,
  );
}

/**
 * What one command uses for all its machines: the user's certificates and the packed program, made
 * once however many machines ask, and sessions, which it closes.
 */
export class Workshop {
  readonly store: MachineStore;
  readonly signal: AbortSignal | undefined;
  readonly #options: WorkshopOptions;
  readonly #uploads = new Map<string, Promise<Uploads>>();
  readonly #sessions: SshSession[] = [];
  #authority: Promise<UserAuthority> | undefined;
  #consul: Promise<Upload> | undefined;

  constructor(options: WorkshopOptions) {
    this.#options = options;
    this.store = options.store;
    this.signal = options.signal;
  }

  async authority(): Promise<UserAuthority> {
    this.#authority ??= userAuthority(this.store, new Date());
    return this.#authority;
  }

  async credentials(): Promise<Credentials> {
    await this.authority();
    const read = async (file: string): Promise<string> =>
      readFile(join(this.store.certsFolder, file), 'utf8');
    const [ca, cert, key] = await Promise.all([read('ca.pem'), read('cert.pem'), read('key.pem')]);
    return { ca, cert, key };
  }

  async uploadsFor(arch: string): Promise<Uploads> {
    const there = this.#uploads.get(arch);
    if (there !== undefined) return there;
    const made = this.#pack(arch);
    this.#uploads.set(arch, made);
    return made;
  }

  /** The Consul that was given, packed once. */
  async consulFor(arch: string): Promise<Upload | undefined> {
    const { consulPath } = this.#options;
    if (consulPath === undefined) return undefined;
    this.#consul ??= packConsul(consulPath, arch, this.store.cacheFolder);
    return this.#consul;
  }

  async target(record: MachineRecord): Promise<SshTarget> {
    const { Driver: driver } = record;
    const agent = this.#options.env.SSH_AUTH_SOCK;
    const keyPath =
      driver.SSHKeyPath === ''
        ? await this.#defaultKey(agent)
        : this.store.resolve(driver.SSHKeyPath);
    return {
      name: record.Name,
      host: driver.IPAddress,
      port: driver.SSHPort,
      user: driver.SSHUser,
      keyPath,
      agent,
      hostKey: driver.SSHHostKey === '' ? undefined : driver.SSHHostKey,
    };
  }

  /**
   * A session to a machine; what only needs time (a machine that boots) is tried again until
   * `patienceMs` have passed.
   */
  async connect(target: SshTarget, patienceMs = 0): Promise<RemoteMachine> {
    const end = Date.now() + patienceMs;
    for (;;) {
      try {
        const session = await SshSession.connect(target, {
          timeoutMs: connectTimeoutMs,
          signal: this.signal,
        });
        this.#sessions.push(session);
        return new RemoteMachine(session, this.signal);
      } catch (error) {
        const worthwhile = isAppError(error) && error.temporary && Date.now() < end;
        if (!worthwhile) throw error;
      }
      await delay(500, undefined, { signal: this.signal });
    }
  }

  async connectTo(record: MachineRecord, patienceMs = 0): Promise<RemoteMachine> {
    return this.connect(await this.target(record), patienceMs);
  }

  close(): void {
    for (const session of this.#sessions) session.close();
  }

  /** Without a key and without an agent: what ssh itself would try. */
  async #defaultKey(agent: string | undefined): Promise<string | undefined> {
    if (agent !== undefined && agent !== '') return undefined;
    for (const name of ['id_ed25519', 'id_ecdsa', 'id_rsa']) {
      const path = join(homedir(), '.ssh', name);
      if (await readable(path)) return path;
    }
    return undefined;
  }

  async #pack(arch: string): Promise<Uploads> {
    const path = this.#options.runtimePath ?? process.execPath;
    const has = await executableArch(path);
    if (has !== arch) {
      throw new AppError(
        'unsupported',
        `runtime ${path} is for ${has}, the machine is ${arch}: give --runtime the bin/node of a linux ${arch} build of Node 20`,
      );
    }
    const [runtime, app] = await Promise.all([
      packRuntime(path, this.store.cacheFolder),
      packApp(arch).then(async (bundle) => cacheApp(bundle, this.store.cacheFolder)),
    ]);
    return { runtime, app };
  }
}
