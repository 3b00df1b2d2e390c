import { setImmediate as nextTurn } from 'node:timers/promises';
import { aNetwork, aNode, aService, aTask } from '../../../fixtures/cluster/build.js';
import { isAppError } from '../../../manager/common/base/errors.js';
import { decodeWorkerMessage } from '../../../manager/common/protocol/decode.js';
import { Dispatcher } from '../../../manager/dispatcher/dispatcher.js';
import { FakeConnection } from '../../helpers/fakes/fake-connection.js';
import { ManualClock } from '../../helpers/fakes/manual-clock.js';
import { silentLogger } from '../../helpers/fakes/silent-logger.js';
import { aHello, aWorkerPeer } from '../../helpers/fakes/worker-session.js';
import { openTestStore } from '../../helpers/stores/memory-store.js';
import { mutateJson } from '../mutate-json.js';
import { mutate, pick } from '../mutate.js';
import type { Campaign, FuzzTarget } from '../target.js';

const nodes = ['w1', 'w2', 'w3', 'w4', 'w5', 'w6', 'w7', 'w8'] as const;
/** The longest refusal of a node that sent a malformed message, ms. */
const refusalMs = 600_000;

/**
 * A manager's dispatcher with hostile workers. Malformed messages are refused for minutes, so most of
 * them go to the decoder only; the dispatcher gets those that it accepts, and some others.
 */
export const target: FuzzTarget = {
  async run(campaign) {
    const { random, isOver, record, answered } = campaign;
    const { dispatcher, clock } = await startDispatcher();
    const connections = new Map<string, FakeConnection>();
    while (!isOver()) {
      const node = pick(random, nodes);
      const text = anyMessage(random, node);
      record(Buffer.from(text.slice(0, 4_096)));
      const isAccepted = isDecoded(text);
      if (isAccepted) answered();
      if (isAccepted || random() < 0.01) {
        await deliver({ campaign, dispatcher, clock, connections }, node, text);
      }
      if (random() < 0.1) clock.advance(100);
      await nextTurn();
    }
  },
};

/** Throws what is no refusal. */
function isDecoded(text: string): boolean {
  try {
    decodeWorkerMessage(text);
    return true;
  } catch (error) {
    if (isAppError(error) && error.kind === 'invalid') return false;
    throw error;
  }
}

async function startDispatcher() {
  const clock = new ManualClock();
  const store = await openTestStore(clock);
  const network = aNetwork('front', { vni: 4096, subnet: '10.0.0.0/24' });
  const web = aService('web', { replicas: 64 });
  await store.update('restore', (tx) => {
    for (const id of nodes) tx.create('nodes', aNode(id));
    tx.create('networks', network);
    tx.create('services', web);
    for (const [at, node] of nodes.entries()) {
      for (let slot = 1; slot <= 8; slot += 1) {
        const id = `t-${node}-${String(slot)}`;
        tx.create('tasks', aTask(web, at * 8 + slot, { id, node, state: 'assigned' }));
      }
    }
  });
  let streams = 0;
  const dispatcher = new Dispatcher({
    ...{ store, clock, log: silentLogger, clusterId: 'c1', managers: [] },
    newId: () => `s${String((streams += 1))}`,
    probe: () => Promise.resolve(true),
  });
  await dispatcher.start();
  return { dispatcher, clock };
}

interface Stage {
  readonly campaign: Campaign;
  readonly dispatcher: Dispatcher;
  readonly clock: ManualClock;
  readonly connections: Map<string, FakeConnection>;
}

/** Sends a message on the node's session, which is opened again if the manager has ended it. */
async function deliver(stage: Stage, node: string, text: string): Promise<void> {
  const { dispatcher, clock, connections } = stage;
  let connection = connections.get(node);
  if (connection === undefined || connection.closes.length > 0) {
    if (connection !== undefined) clock.advance(refusalMs);
    connection = new FakeConnection();
    connections.set(node, connection);
    const accepted = connection;
    void dispatcher
      .accept({
        path: '/v1/session',
        identity: aWorkerPeer(node),
        remote: connection.remote,
        accept: () => Promise.resolve(accepted),
      })
      .catch((error: unknown) => {
        if (!isAppError(error)) throw error;
        accepted.close(1000, error.message);
      });
    connection.receive(aHello(node));
    await nextTurn();
  }
  connection.receive(text);
  connection.posted.length = 0;
}

const status = {
  ...{ state: 'running', at: 1, message: 'up', containerId: 'c'.repeat(64), health: 'healthy' },
  ...{ restarts: 1, startedAt: 1, imageId: 'sha256:1', paused: false, exitCode: 0 },
  ports: [{ target: 80, protocol: 'tcp', hostIp: '0.0.0.0', published: 8080 }],
  command: ['sh', '-c', 'true'],
  anonymousVolumes: ['/data'],
};
const states = ['starting', 'running', 'complete', 'failed', 'shutdown', 'rejected'] as const;

/** Valid messages of a worker. */
function messagesOf(random: () => number, node: string): readonly [object, ...object[]] {
  const taskId = `t-${node}-${String(1 + Math.floor(random() * 9))}`;
  const reports = [{ taskId, status: { ...status, state: pick(random, states) } }];
  const hello = aHello(node);
  return [
    { kind: 'status', reports },
    { ...hello, reports, volumes: ['data'] },
    { kind: 'heartbeat', engine: 'silent' },
    { kind: 'networks', networks: ['front'], stuck: [{ networkId: 'front', problem: 'busy' }] },
    { kind: 'want-image', requestId: 1, image: 'app:1', platform: 'linux/amd64' },
    { kind: 'renew', requestId: 2, request: '-----BEGIN CERTIFICATE REQUEST-----' },
    { kind: 'description', description: hello.description },
    { kind: 'result', callId: 1, result: { Id: 'x' } },
    { kind: 'failure', callId: 1, error: { kind: 'conflict', message: 'no' } },
  ];
}

function anyMessage(random: () => number, node: string): string {
  const message = pick(random, messagesOf(random, node));
  const kind = random();
  if (kind < 0.2) return JSON.stringify(message);
  if (kind < 0.85) return JSON.stringify(mutateJson(random, message));
  return mutate(random, Buffer.from(JSON.stringify(message))).toString('latin1');
}
