import { readFile } from 'node:fs/promises';
import { AppError, isAppError, messageOf } from '../../manager/common/base/errors.js';
import { knownPeer } from '../../manager/common/pki/pki-peer.js';
import type {
  ControlCallMap,
  ControlCallName,
  ControlStreamMap,
  ControlStreamName,
} from '../../manager/common/protocol/control.js';
import { repeatableCalls, wasNotSent } from '../../manager/common/protocol/repeat.js';
import { isNotLeading, paths } from '../../manager/common/protocol/messages.js';
import { HttpCaller } from '../../manager/common/protocol/transport-call.js';
import type {
  PeerCertificateNames,
  TlsMaterial,
} from '../../manager/common/protocol/transport-tls.js';
import { dial } from '../../manager/common/protocol/transport.js';
import type { MessageStream } from '../../manager/common/protocol/worker-calls.js';
import type { ClusterContext } from '../inventory/context.js';

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** Until the whole answer is here; 30 s unless told. */
  readonly timeoutMs?: number | undefined;
}

/** Everything commands do to a cluster. One interface, so that tests hand commands a cluster of their own. */
export interface ControlClient {
  readonly cluster: string;
  call<Name extends ControlCallName>(
    name: Name,
    args: ControlCallMap[Name]['args'],
    options?: CallOptions,
  ): Promise<ControlCallMap[Name]['result']>;
  /** Opens a stream and sends its arguments; aborting `signal` closes it. */
  open<Name extends ControlStreamName>(
    name: Name,
    args: ControlStreamMap[Name]['args'],
    signal: AbortSignal,
  ): Promise<MessageStream>;
  close(): void;
}

/** Refuses a peer that is no manager of the cluster, at whatever address it was found. */
export function verifyManager(
  clusterId: string,
  refused: readonly string[] = [],
): (certificate: PeerCertificateNames) => void {
  return (certificate) => {
    const peer = knownPeer(certificate, refused);
    if (peer.role === 'manager' && peer.clusterId === clusterId) return;
    throw new AppError(
      'forbidden',
      `the other end is a ${peer.role} of cluster ${peer.clusterId}, not a manager of this cluster`,
    );
  };
}

const callTimeoutMs = 30_000;
const connectTimeoutMs = 5_000;
const nextTimeoutMs = 1_500;

interface Manager {
  /** `host:port`. */
  readonly address: string;
  readonly caller: HttpCaller;
}

/** Asks the managers of one cluster over mutual TLS, the first that can be reached. */
export class HttpsControlClient implements ControlClient {
  readonly cluster: string;
  readonly #tls: TlsMaterial;
  readonly #verifyPeer: (certificate: PeerCertificateNames) => void;
  readonly #managers: readonly Manager[];
  /** The one that answered last: it is asked first. */
  #at = 0;

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
      // Where there is another one to ask, a machine without power is not waited for.
      const limit = context.managers.length > 1 ? { connectTimeoutMs: nextTimeoutMs } : {};
      return { address, caller: new HttpCaller({ address, tls, verifyPeer, ...limit }) };
    });
  }

  async call<Name extends ControlCallName>(
    name: Name,
    args: ControlCallMap[Name]['args'],
    options: CallOptions = {},
  ): Promise<ControlCallMap[Name]['result']> {
    const { signal, timeoutMs = callTimeoutMs } = options;
    const result = await this.#eachManager(repeatableCalls.has(name), ({ caller }) =>
      caller.call({
        path: `${paths.call}${name}`,
        body: args,
        timeoutMs,
        ...(signal === undefined ? {} : { signal }),
      }),
    );
    return result;
  }

  async open<Name extends ControlStreamName>(
    name: Name,
    args: ControlStreamMap[Name]['args'],
    signal: AbortSignal,
  ): Promise<MessageStream> {
    const stream = await this.#eachManager(true, ({ address }) =>
      dial({
        address,
        path: `${paths.stream}${name}`,
        tls: this.#tls,
        verifyPeer: this.#verifyPeer,
        keepAlive: readPromptly.has(name) ? 'session' : 'stream',
        timeoutMs: this.#managers.length > 1 ? nextTimeoutMs : connectTimeoutMs,
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
   * A manager that answers, be it with an error, is the one; others are tried only for one that does not.
   * One that went away in the middle may have done what it was asked: `again` says whether that may be
   * done twice.
   */
  async #eachManager<Result>(
    again: boolean,
    ask: (manager: Manager) => Promise<Result>,
  ): Promise<Result> {
    const failures: string[] = [];
    // One that knows no leader has done nothing; another one may see more of the cluster.
    let leaderless: AppError | undefined;
    const order = [...this.#managers.slice(this.#at), ...this.#managers.slice(0, this.#at)];
    for (const manager of order) {
      try {
        return await ask(manager);
      } catch (error) {
        if (isAppError(error) && isNotLeading(error)) leaderless = error;
        else if (!isNotReached(error)) throw error;
        else if (!again && !wasNotSent(error)) throw error;
        failures.push(messageOf(error));
        this.#at = (this.#at + 1) % this.#managers.length;
      }
    }
    if (leaderless !== undefined) throw leaderless;
    const tried = failures.length === 0 ? 'it has none' : failures.join('; ');
    throw new AppError(
      'unavailable',
      `manager of cluster ${this.cluster} not reachable: ${tried}; is it running?`,
    );
  }
}

/** The transport keeps the socket's error as the cause of its own; what a manager answered has none. */
function isNotReached(error: unknown): boolean {
  return isAppError(error) && error.kind === 'unavailable' && error.cause !== undefined;
}

/** Read as they come, so that silence means that the other end has lost power or network. */
const readPromptly: ReadonlySet<string> = new Set<ControlStreamName>(['watch', 'stats', 'events']);

/** A client for the cluster; throws `not-found` when the user's certificate is not there. */
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
  return new HttpsControlClient(context, { ca, cert, key });
}
