import { readFile } from 'node:fs/promises';
import type { Decoder } from '../../manager/common/base/decode.js';
import { AppError, isAppError, messageOf } from '../../manager/common/base/errors.js';
import { keyMatchesCertificate, readKeyPair } from '../../manager/common/pki/pki-files.js';
import { authenticatePeer } from '../../manager/common/pki/pki-peer.js';
import type {
  ControlCallMap,
  ControlCallName,
  ControlStreamMap,
  ControlStreamName,
} from '../../manager/common/protocol/control.js';
import { controlResults } from '../../manager/common/protocol/control-results.js';
import { idempotentCalls, isConnectError } from '../../manager/common/protocol/call-effects.js';
import { isNotLeaderError, apiPaths } from '../../manager/common/protocol/messages.js';
import { ManagerHttpClient } from '../../manager/common/protocol/transport-call.js';
import type {
  PeerCertificateFields,
  TlsMaterial,
} from '../../manager/common/protocol/transport-tls.js';
import { dial } from '../../manager/common/protocol/transport.js';
import type { MessageStream } from '../../manager/common/protocol/worker-calls.js';
import type { ClusterContext } from '../inventory/context.js';
import { decodeAnswer } from './answer.js';

export interface ControlCallOptions {
  readonly signal?: AbortSignal | undefined;
  /** Limit for the complete response; 30 s by default. */
  readonly timeoutMs?: number | undefined;
}

/**
 * Every call that commands make to a cluster. An interface, so that tests can substitute a fake
 * cluster.
 */
export interface ControlClient {
  readonly cluster: string;
  call<Name extends ControlCallName>(
    name: Name,
    args: ControlCallMap[Name]['args'],
    options?: ControlCallOptions,
  ): Promise<ControlCallMap[Name]['result']>;
  /** Opens a stream and sends its arguments; aborting `signal` closes the stream. */
  open<Name extends ControlStreamName>(
    name: Name,
    args: ControlStreamMap[Name]['args'],
    signal: AbortSignal,
  ): Promise<MessageStream>;
  close(): void;
}

/**
 * Returns a check of a peer's certificate: it throws `forbidden` unless the peer is a manager of
 * the cluster and no authority in `refused` signed its certificate. The address is not checked.
 */
export function verifyManager(
  clusterId: string,
  refused: readonly string[] = [],
): (certificate: PeerCertificateFields) => void {
  return (certificate) => {
    const peer = authenticatePeer(certificate, refused);
    if (peer.role === 'manager' && peer.clusterId === clusterId) return;
    throw new AppError(
      'forbidden',
      `server certificate: issued to a ${peer.role} of cluster ${peer.clusterId}, not a manager of this cluster; check the address in the cluster record`,
    );
  };
}

const callTimeoutMs = 30_000;
const connectTimeoutMs = 5_000;
/** Connect timeout if the cluster has other managers to fail over to. */
const failoverTimeoutMs = 1_500;

interface Manager {
  /** `host:port`. */
  readonly address: string;
  readonly caller: ManagerHttpClient;
}

/**
 * Calls the managers of one cluster over mutual TLS; fails over to the next one if one is
 * unreachable.
 */
export class HttpsControlClient implements ControlClient {
  readonly cluster: string;
  readonly #tls: TlsMaterial;
  readonly #verifyPeer: (certificate: PeerCertificateFields) => void;
  readonly #managers: readonly Manager[];
  /** Index of the manager that answered last; it is called first. */
  #current = 0;

  constructor(
    context: Pick<ClusterContext, 'name' | 'id' | 'managers' | 'refusedAuthorities'>,
    tls: TlsMaterial,
  ) {
    this.cluster = context.name;
    this.#tls = tls;
    this.#verifyPeer = verifyManager(context.id, context.refusedAuthorities);
    this.#managers = context.managers.map((url) => {
      const address = new URL(url).host;
      const verifyPeer = this.#verifyPeer;
      // With several managers, fail over early instead of waiting for a machine that is powered
      // off.
      const limit = context.managers.length > 1 ? { connectTimeoutMs: failoverTimeoutMs } : {};
      return { address, caller: new ManagerHttpClient({ address, tls, verifyPeer, ...limit }) };
    });
  }

  async call<Name extends ControlCallName>(
    name: Name,
    args: ControlCallMap[Name]['args'],
    options: ControlCallOptions = {},
  ): Promise<ControlCallMap[Name]['result']> {
    const { signal, timeoutMs = callTimeoutMs } = options;
    const result = await this.#callWithFailover(idempotentCalls.has(name), ({ caller }) =>
      caller.call({
        path: `${apiPaths.call}${name}`,
        body: args,
        timeoutMs,
        ...(signal === undefined ? {} : { signal }),
      }),
    );
    const decoder: Decoder<ControlCallMap[Name]['result']> = controlResults[name];
    return decodeAnswer(result, decoder, `manager: answer to ${name}`);
  }

  async open<Name extends ControlStreamName>(
    name: Name,
    args: ControlStreamMap[Name]['args'],
    signal: AbortSignal,
  ): Promise<MessageStream> {
    const stream = await this.#callWithFailover(true, ({ address }) =>
      dial({
        address,
        path: `${apiPaths.stream}${name}`,
        tls: this.#tls,
        verifyPeer: this.#verifyPeer,
        keepAlive: promptStreams.has(name) ? 'session' : 'stream',
        timeoutMs: this.#managers.length > 1 ? failoverTimeoutMs : connectTimeoutMs,
        signal,
      }),
    );
    const close = (): void => {
      stream.close();
    };
    signal.addEventListener('abort', close, { once: true });
    if (signal.aborted) close();
    await stream.send(JSON.stringify(args));
    return stream;
  }

  close(): void {
    for (const { caller } of this.#managers) caller.close();
  }

  /**
   * Calls the managers in turn until one answers, even with an error. A connection lost after the
   * request was sent may have taken effect, so only an idempotent request is retried on the next
   * manager.
   */
  async #callWithFailover<Result>(
    idempotent: boolean,
    callManager: (manager: Manager) => Promise<Result>,
  ): Promise<Result> {
    const failures: string[] = [];
    // A manager without a leader has done nothing; another manager may still reach the leader.
    let leaderless: AppError | undefined;
    const order = [
      ...this.#managers.slice(this.#current),
      ...this.#managers.slice(0, this.#current),
    ];
    for (const manager of order) {
      try {
        return await callManager(manager);
      } catch (error) {
        if (isAppError(error) && isNotLeaderError(error)) leaderless = error;
        else if (!isUnreachable(error)) throw error;
        else if (!idempotent && !isConnectError(error)) throw error;
        failures.push(messageOf(error));
        this.#current = (this.#current + 1) % this.#managers.length;
      }
    }
    if (leaderless !== undefined) throw leaderless;
    const reason = failures.length === 0 ? 'no manager is recorded' : failures.join('; ');
    throw new AppError(
      'unavailable',
      `manager of cluster ${this.cluster} not reachable: ${reason}; check that it is running`,
    );
  }
}

/**
 * The transport sets the socket's error as `cause`; an error that a manager answered has no cause.
 */
function isUnreachable(error: unknown): boolean {
  return isAppError(error) && error.kind === 'unavailable' && error.cause !== undefined;
}

/** Streams that are read without back-pressure, so that silence means a dead peer or network. */
const promptStreams: ReadonlySet<string> = new Set<ControlStreamName>(['watch', 'stats', 'events']);

/**
 * Creates a client for the cluster; throws `not-found` if the user's certificate cannot be read.
 */
export async function connectTo(context: ClusterContext): Promise<ControlClient> {
  const read = async (path: string): Promise<string> => {
    try {
      return await readFile(path, 'utf8');
    } catch (error) {
      throw new AppError('not-found', `cannot read ${path}: ${messageOf(error)}`, { cause: error });
    }
  };
  const [ca, cert, key] = await Promise.all([
    read(context.caPath),
    read(context.certPath),
    read(context.keyPath),
  ]);
  // A renewal in another process replaces both files, and may have been interrupted in between.
  const pair = keyMatchesCertificate(cert, key)
    ? { cert, key }
    : await readKeyPair({ cert: context.certPath, key: context.keyPath });
  return new HttpsControlClient(context, { ca, ...pair });
}
