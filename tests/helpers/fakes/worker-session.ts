import { aNode } from '../../../fixtures/cluster/build.js';
import type { Clock } from '../../../manager/common/base/clock.js';
import { protocolVersion } from '../../../manager/common/protocol/messages.js';
import type { Hello } from '../../../manager/dispatcher/sessions/hello.js';
import { WorkerSession } from '../../../manager/dispatcher/sessions/session.js';
import type { Peer } from '../../../manager/transport/peer.js';
import { FakeConnection } from './fake-connection.js';
import { ManualClock } from './manual-clock.js';

/** The hello of a worker of cluster `c1`, named by its node's id. */
export function aHello(nodeId: string, changes: Partial<Hello> = {}): Hello {
  return {
    kind: 'hello',
    version: protocolVersion,
    clusterId: 'c1',
    nodeId,
    name: nodeId,
    description: aNode(nodeId).description,
    reports: [],
    volumes: [],
    networks: [],
    ...changes,
  };
}

export function aWorkerPeer(nodeId: string, authority = 'old'): Peer {
  return { clusterId: 'c1', role: 'worker', nodeId, authority };
}

export interface FakeSession {
  readonly session: WorkerSession;
  readonly connection: FakeConnection;
  /** Messages sent to the worker. */
  readonly posted: FakeConnection['posted'];
}

/** A session over a connection without a socket. */
export function aSession(
  nodeId: string,
  options: {
    readonly hello?: Partial<Hello>;
    readonly authority?: string;
    readonly clock?: Clock;
  } = {},
): FakeSession {
  const { hello, authority, clock = new ManualClock() } = options;
  const connection = new FakeConnection();
  const peer = aWorkerPeer(nodeId, authority);
  const session = new WorkerSession(connection, aHello(nodeId, hello), peer, clock);
  return { session, connection, posted: connection.posted };
}
