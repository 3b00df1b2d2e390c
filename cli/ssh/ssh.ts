import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { AppError } from '../../manager/common/base/errors.js';
import { quoteCommand } from './quote.js';
import type { HostKey } from './known-hosts.js';
import { hostKeyFingerprint } from './known-hosts.js';
import type { SshConnectOptions, SshExecOptions, SshExecResult, SshTarget } from './target.js';
import { loginShellCommand } from './transport/command-line.js';
import { runInSession } from './transport/command.js';
import { SharedConnection } from './transport/connection.js';
import type { SshPrompts } from './transport/prompts.js';
import type { Tunnel } from './transport/tunnel.js';
import { openTunnel } from './transport/tunnel.js';

const defaultTimeoutMs = 30_000;

/**
 * A connection to a machine that OpenSSH holds, logged in once; runs any number of commands
 * concurrently. It reads the user's configuration like `ssh` does.
 */
export class SshSession {
  readonly target: SshTarget;
  #connection: SharedConnection;
  #lost = false;
  #options: SshConnectOptions;

  private constructor(target: SshTarget, connection: SharedConnection, options: SshConnectOptions) {
    this.target = target;
    this.#connection = connection;
    this.#options = options;
  }

  /**
   * Connects; a single attempt. Throws `forbidden` for a rejected key or a changed host key,
   * `unavailable` or `timeout` if the machine does not answer.
   */
  static async connect(target: SshTarget, options: SshConnectOptions): Promise<SshSession> {
    return new SshSession(target, await SharedConnection.open(target, options), options);
  }

  /** Fingerprint of the server's host key (`SHA256:…`), to be pinned. */
  get hostKey(): string {
    return hostKeyFingerprint(Buffer.from(this.#connection.hostKey.blob, 'base64'));
  }

  get prompts(): SshPrompts | undefined {
    return this.#options.prompts;
  }

  /** True once the connection is lost; every further command fails until `reconnect`. */
  get isLost(): boolean {
    return this.#lost;
  }

  /** True while OpenSSH holds the connection; it lets an idle one go after a minute. */
  get isAlive(): boolean {
    return this.#connection.isAlive;
  }

  /** Replaces a lost connection, to the same host key; a single attempt. Throws as `connect`. */
  async reconnect(options: SshConnectOptions): Promise<void> {
    const { type, blob } = this.#connection.hostKey;
    const target = { ...this.target, hostKey: this.hostKey, publicHostKey: `${type} ${blob}` };
    const { prompts, env } = this.#options;
    const connection = await SharedConnection.open(target, { ...options, prompts, env });
    this.#connection.close();
    this.#connection = connection;
    this.#lost = false;
  }

  /**
   * Runs a command; a non-zero exit code is a result, not an error. Throws `timeout` after the
   * deadline, `unavailable` if the connection is lost, `forbidden` if the machine ran another
   * command instead.
   */
  async exec(argv: readonly string[], options: SshExecOptions = {}): Promise<SshExecResult> {
    if (this.#lost) throw this.#lostError('connection closed');
    const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
    const end = await runInSession(this.#connection, argv, { ...options, timeoutMs });
    if (end.kind === 'ended') return end.result;
    if (end.kind === 'timeout') {
      throw new AppError(
        'timeout',
        `${this.target.name}: "${shorten(quoteCommand(argv))}" did not finish within ${String(timeoutMs / 1000)} s`,
      );
    }
    if (end.kind === 'replaced') throw this.#replacedError(end.output);
    this.#lost = true;
    throw this.#lostError(end.reason);
  }

  /**
   * Connects this program's standard streams to a command, or to the login shell if `argv` is
   * empty, until it exits; returns the exit code. `terminal` allocates one on the machine.
   */
  async attach(argv: readonly string[], terminal: boolean): Promise<number> {
    return this.#connection.attach(argv.length === 0 ? [] : [loginShellCommand(argv)], terminal);
  }

  /** Settings of an `ssh_config` block with which another program uses this connection. */
  configLines(): readonly string[] {
    return this.#connection.configLines();
  }

  /** A port of this computer that leads to a port of the machine's loopback address. */
  async tunnel(port: number): Promise<Tunnel> {
    return openTunnel(this.#connection, port);
  }

  close(): void {
    this.#connection.close();
  }

  #lostError(reason: string): AppError {
    return new AppError(
      'unavailable',
      `${this.target.name}: ssh connection to ${this.target.host} was lost: ${reason}`,
    );
  }

  #replacedError(output: string): AppError {
    const { name, user, host } = this.target;
    const said = output === '' ? 'nothing' : `"${shorten(output)}"`;
    return new AppError(
      'forbidden',
      `${name}: ${user}@${host} ran another command and printed ${said}; log in as a user with a shell, with --generic-ssh-user`,
    );
  }
}

/**
 * The host key that a server offers; the connection ends before authentication. Kinds in `prefer`
 * are negotiated first. Throws `unavailable` or `timeout` if the server does not answer.
 */
export async function readHostKey(
  target: Omit<SshTarget, 'hostKey'>,
  options: SshConnectOptions,
  prefer: readonly string[] = [],
): Promise<HostKey> {
  return SharedConnection.offeredKey(target, options, prefer);
}

function shorten(text: string): string {
  const line = text.replaceAll(/\s+/gu, ' ').trim();
  return line.length > 160 ? `${line.slice(0, 157)}...` : line;
}

/** Reads a local file in chunks large enough to keep the ssh cipher busy. */
export function openFileStream(path: string): Readable {
  return createReadStream(path, { highWaterMark: 1024 * 1024 });
}
