import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import type { Exit } from './exit-of.js';
import { exitOf } from './exit-of.js';
import type { ClientChannel, ConnectConfig } from 'ssh2';
import ssh2 from 'ssh2';
import { AppError, messageOf } from '../../manager/common/base/errors.js';
import { quoteCommand } from './quote.js';
import type { HostKey } from './known-hosts.js';

export interface SshTarget {
  /** The machine's name in messages. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Path of the private key; undefined to use the agent. */
  readonly keyPath?: string | undefined;
  /** Socket of the ssh agent (SSH_AUTH_SOCK). */
  readonly agent?: string | undefined;
  /** The pinned host key as `SHA256:…`; undefined at first contact. */
  readonly hostKey?: string | undefined;
}

export interface SshConnectOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

export interface SshExecOptions {
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly stdin?: string | Buffer | Readable | undefined;
  /** Called with each chunk of standard output and standard error. */
  readonly onOutput?: ((text: string) => void) | undefined;
}

export interface SshExecResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface PtySize {
  readonly rows: number;
  readonly cols: number;
  readonly term: string;
}

export interface AttachedStreams {
  readonly stdin: NodeJS.ReadableStream;
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
  /** Registers a listener that is called whenever the terminal is resized. */
  readonly onResize?: ((resized: (size: PtySize) => void) => void) | undefined;
}

const defaultTimeoutMs = 30_000;
/** Bytes of output kept per stream; the rest is read and dropped to bound memory. */
const outputLimit = 4 * 1024 * 1024;

/** The fingerprint of a host key as OpenSSH prints it: `SHA256:` and unpadded base64. */
export function hostKeyFingerprint(hostKey: Buffer): string {
  return `SHA256:${createHash('sha256').update(hostKey).digest('base64').replace(/=+$/u, '')}`;
}

/** RFC 4253: a key blob starts with its type as a length-prefixed string. */
function keyType(hostKey: Buffer): string {
  return hostKey.length < 4 ? '' : hostKey.toString('latin1', 4, 4 + hostKey.readUInt32BE(0));
}

interface HostKeyCheck {
  /** Fingerprint of a host key that differs from the pinned one. */
  changedKey?: string;
}

function connectError(target: SshTarget, error: unknown, check: HostKeyCheck): AppError {
  const where = `${target.name}: ${target.user}@${target.host}:${String(target.port)}`;
  if (check.changedKey !== undefined) {
    return new AppError(
      'forbidden',
      `${target.name}: host key of ${target.host} changed from ${String(target.hostKey)} to ${check.changedKey}; if the machine was reinstalled, remove it with "shoal machine rm -f ${target.name}" and create it again`,
    );
  }
  const { level, code } = error as { level?: string; code?: string };
  if (level === 'client-authentication') {
    const tried = target.keyPath ?? 'the agent';
    return new AppError(
      'forbidden',
      `${where} refused the ssh key (${tried}); set the right key with --generic-ssh-key or the right user with --generic-ssh-user`,
      { cause: error },
    );
  }
  const reason = level === 'client-timeout' ? 'timed out' : (code ?? messageOf(error));
  return new AppError(
    level === 'client-timeout' ? 'timeout' : 'unavailable',
    `${where} cannot be reached by ssh: ${reason}; check address, port and firewall`,
    { cause: error },
  );
}

async function identity(target: SshTarget): Promise<Partial<ConnectConfig>> {
  if (target.keyPath === undefined) {
    if (target.agent !== undefined && target.agent !== '') return { agent: target.agent };
    throw new AppError(
      'invalid',
      `${target.name}: no ssh key; set --generic-ssh-key or start an ssh agent (SSH_AUTH_SOCK)`,
    );
  }
  const privateKey = await readFile(target.keyPath, 'utf8').catch((error: unknown) => {
    throw new AppError('invalid', `ssh key ${String(target.keyPath)}: ${messageOf(error)}`, {
      cause: error,
    });
  });
  const parsed = ssh2.utils.parseKey(privateKey);
  if (!(parsed instanceof Error)) return { privateKey };
  if (/passphrase/iu.test(parsed.message) && target.agent !== undefined) {
    return { agent: target.agent };
  }
  throw new AppError(
    'invalid',
    /passphrase/iu.test(parsed.message)
      ? `ssh key ${target.keyPath} has a passphrase; add it to an ssh agent and set SSH_AUTH_SOCK`
      : `ssh key ${target.keyPath} is not a private key: ${parsed.message}`,
  );
}

interface OpenedClient {
  readonly client: ssh2.Client;
  readonly hostKey: Buffer;
}

async function openClient(target: SshTarget, options: SshConnectOptions): Promise<OpenedClient> {
  const { host, port, user } = target;
  const login = await identity(target);
  const client = new ssh2.Client();
  const check: HostKeyCheck = {};
  let seen: Buffer = Buffer.alloc(0);
  const deadline = AbortSignal.timeout(options.timeoutMs);
  const signal =
    options.signal === undefined ? deadline : AbortSignal.any([deadline, options.signal]);
  const ready = once(client, 'ready', { signal });
  try {
    client.connect({
      ...login,
      host,
      port,
      username: user,
      readyTimeout: options.timeoutMs,
      keepaliveInterval: 5000,
      keepaliveCountMax: 3,
      algorithms: { compress: ['none'] },
      hostVerifier: (key: Buffer) => {
        seen = key;
        const print = hostKeyFingerprint(key);
        if (target.hostKey === undefined || target.hostKey === print) return true;
        check.changedKey = print;
        return false;
      },
    });
    await ready;
  } catch (error) {
    client.on('error', () => undefined);
    client.destroy();
    options.signal?.throwIfAborted();
    throw connectError(target, deadline.aborted ? { level: 'client-timeout' } : error, check);
  }
  return { client, hostKey: seen };
}

/**
 * The host key that a server offers; the connection ends before authentication. Throws
 * `unavailable` or `timeout` if the server does not answer.
 */
export async function readHostKey(
  { name, host, port, user }: Pick<SshTarget, 'name' | 'host' | 'port' | 'user'>,
  options: SshConnectOptions,
): Promise<HostKey> {
  const client = new ssh2.Client();
  let seen: Buffer | undefined;
  const deadline = AbortSignal.timeout(options.timeoutMs);
  const signal =
    options.signal === undefined ? deadline : AbortSignal.any([deadline, options.signal]);
  try {
    const ready = once(client, 'ready', { signal });
    const hostVerifier = (key: Buffer): boolean => {
      seen = key;
      return false;
    };
    client.connect({ host, port, username: user, readyTimeout: options.timeoutMs, hostVerifier });
    await ready;
  } catch (error) {
    options.signal?.throwIfAborted();
    if (seen === undefined) {
      const cause = deadline.aborted ? { level: 'client-timeout' } : error;
      throw connectError({ name, host, port, user }, cause, {});
    }
  } finally {
    client.on('error', () => undefined);
    client.destroy();
  }
  if (seen === undefined) throw new AppError('unavailable', `${name}: ssh offered no host key`);
  return { type: keyType(seen), blob: seen.toString('base64') };
}

/** An authenticated ssh connection to a machine; runs any number of commands concurrently. */
export class SshSession {
  readonly target: SshTarget;
  /** Fingerprint of the server's host key (`SHA256:…`), to be pinned. */
  readonly hostKey: string;
  /** The host key in known_hosts format, without the host name. */
  readonly hostKeyLine: string;
  #client: ssh2.Client;
  #lost: Error | undefined;

  private constructor(target: SshTarget, { client, hostKey }: OpenedClient) {
    this.target = target;
    this.hostKey = hostKeyFingerprint(hostKey);
    this.hostKeyLine = `${keyType(hostKey)} ${hostKey.toString('base64')}`;
    this.#client = client;
    this.#watch(client);
  }

  /**
   * Connects; a single attempt. Throws `forbidden` for a rejected key or a changed host key,
   * `unavailable` or `timeout` if the machine does not answer.
   */
  static async connect(target: SshTarget, options: SshConnectOptions): Promise<SshSession> {
    return new SshSession(target, await openClient(target, options));
  }

  /** True once the connection is lost; every further command fails until `reconnect`. */
  get isLost(): boolean {
    return this.#lost !== undefined;
  }

  /** Replaces a lost connection, to the same host key; a single attempt. Throws as `connect`. */
  async reconnect(options: SshConnectOptions): Promise<void> {
    const { client } = await openClient({ ...this.target, hostKey: this.hostKey }, options);
    this.#client.destroy();
    this.#client = client;
    this.#lost = undefined;
    this.#watch(client);
  }

  #watch(client: ssh2.Client): void {
    const lost = (error: Error): void => {
      if (client === this.#client) this.#lost ??= error;
    };
    client.on('error', lost);
    client.on('close', () => {
      lost(new Error('connection closed'));
    });
  }

  /**
   * Runs a command; a non-zero exit code is a result, not an error. Throws `timeout` after the
   * deadline, `unavailable` if the connection is lost.
   */
  async exec(argv: readonly string[], options: SshExecOptions = {}): Promise<SshExecResult> {
    const opened = await this.#open(quoteCommand(argv));
    const { channel } = opened;
    const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
    const deadline = AbortSignal.timeout(timeoutMs);
    const signal =
      options.signal === undefined ? deadline : AbortSignal.any([deadline, options.signal]);
    const stop = (): void => {
      channel.close();
    };
    signal.addEventListener('abort', stop, { once: true });
    try {
      const result = await collect(opened, options);
      options.signal?.throwIfAborted();
      if (result === undefined) throw this.#broken(argv, deadline.aborted ? timeoutMs : undefined);
      return result;
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  /**
   * Connects the streams to a command, or to the login shell if `argv` is empty, until it exits;
   * returns the exit code. `pty` allocates a terminal of that size on the machine.
   */
  async attach(argv: readonly string[], streams: AttachedStreams, pty?: PtySize): Promise<number> {
    const opened = await this.#open(argv.length === 0 ? undefined : quoteCommand(argv), pty);
    const { channel } = opened;
    const resized = (size: PtySize): void => {
      channel.setWindow(size.rows, size.cols, 0, 0);
    };
    streams.onResize?.(resized);
    streams.stdin.pipe(channel);
    channel.pipe(streams.stdout, { end: false });
    channel.stderr.pipe(streams.stderr, { end: false });
    try {
      const exit = await opened.closed;
      return exit?.status ?? 255;
    } finally {
      streams.stdin.unpipe(channel);
    }
  }

  close(): void {
    this.#client.end();
  }

  async #open(command: string | undefined, pty?: PtySize): Promise<OpenedChannel> {
    if (this.#lost !== undefined) throw this.#connectionError(this.#lost);
    return new Promise((resolve, reject) => {
      const lost = (): void => {
        reject(this.#connectionError(this.#lost ?? new Error('connection closed')));
      };
      this.#client.once('close', lost);
      const opened = (error: Error | undefined, channel: ClientChannel): void => {
        this.#client.off('close', lost);
        if (error === undefined) resolve({ channel, closed: exitOf(channel) });
        else reject(this.#connectionError(error));
      };
      if (command === undefined) this.#client.shell(pty ?? false, opened);
      else this.#client.exec(command, pty === undefined ? {} : { pty }, opened);
    });
  }

  #connectionError(cause: Error): AppError {
    return new AppError(
      'unavailable',
      `${this.target.name}: ssh connection to ${this.target.host} was lost: ${cause.message}`,
      { cause },
    );
  }

  #broken(argv: readonly string[], timeoutMs: number | undefined): AppError {
    const command = quoteCommand(argv);
    if (timeoutMs !== undefined) {
      return new AppError(
        'timeout',
        `${this.target.name}: "${shorten(command)}" did not finish within ${String(timeoutMs / 1000)} s`,
      );
    }
    return this.#connectionError(this.#lost ?? new Error(`"${shorten(command)}" was interrupted`));
  }
}

function shorten(text: string): string {
  const line = text.replaceAll(/\s+/gu, ' ');
  return line.length > 160 ? `${line.slice(0, 157)}...` : line;
}

interface OpenedChannel {
  readonly channel: ClientChannel;
  /** Fulfilled once the channel is closed; undefined without an exit status. */
  readonly closed: Promise<Exit | undefined>;
}

/** Undefined if the channel closed without an exit status (lost connection, deadline). */
async function collect(
  { channel, closed }: OpenedChannel,
  options: SshExecOptions,
): Promise<SshExecResult | undefined> {
  const texts = { stdout: '', stderr: '' };
  const keep = (stream: 'stdout' | 'stderr') => (chunk: Buffer) => {
    const text = chunk.toString('utf8');
    if (texts[stream].length < outputLimit) texts[stream] += text;
    options.onOutput?.(text);
  };
  channel.on('data', keep('stdout'));
  channel.stderr.on('data', keep('stderr'));
  channel.on('error', () => undefined);
  await feed(channel, options.stdin);
  const exit = await closed;
  if (exit === undefined) return undefined;
  return { code: exit.status ?? 128 + (exit.signalName === undefined ? 1 : 15), ...texts };
}

/** Writes standard input; a command that exits before reading all of it is not an error. */
async function feed(channel: ClientChannel, stdin: SshExecOptions['stdin']): Promise<void> {
  if (stdin === undefined) {
    channel.end();
    return;
  }
  const source = stdin instanceof Readable ? stdin : Readable.from([stdin]);
  const ended = new AbortController();
  channel.once('close', () => {
    ended.abort();
  });
  try {
    await pipeline(source, channel, { signal: ended.signal });
  } catch (error) {
    if (source.errored !== null && !ended.signal.aborted) throw error;
  }
}

/** Reads a local file in chunks large enough to keep the ssh cipher busy. */
export function openFileStream(path: string): Readable {
  return createReadStream(path, { highWaterMark: 1024 * 1024 });
}
