import { deployCluster } from '../../access/required-right.js';
import {
  boolean,
  decode,
  nonEmptyString,
  object,
  optionalOrNull,
} from '../../common/base/decode.js';
import { AppError, messageOf } from '../../common/base/errors.js';
import type { Network } from '../../common/model/network.js';
import type { Task } from '../../common/model/task.js';
import { isTerminal } from '../../common/model/task-state.js';
import type { ApiRequest, GatewayContext, Route, RouteHandler } from '../context.js';
import { endpointBody } from '../create/create-body.js';
import { predefinedNetworks } from '../create/network-body.js';
import { toAttachment } from '../create/networks.js';
import type { PlacedContainer } from '../find-container.js';
import { findContainer } from '../find-container.js';
import { lookupNetwork } from '../find-resource.js';
import type { ApiResponse } from '../response.js';
import { waitForState } from '../wait-for-state.js';
import { requireNode } from './remove.js';

const done: ApiResponse = { kind: 'empty', status: 200 };

/** Deadline of a node to make the network and to connect the container. */
const connectMs = 30_000;
/** Deadline of the store to take back a failed connect. */
const undoMs = 10_000;

const memberBody = object({
  Container: nonEmptyString,
  Force: optionalOrNull(boolean),
  EndpointConfig: optionalOrNull(endpointBody),
});

type Member = ReturnType<typeof memberBody>;

function requireClusterNetwork(reference: string): void {
  if (!predefinedNetworks.has(reference)) return;
  throw new AppError(
    'unsupported',
    `network ${reference}: each machine has its own; only networks of the cluster can be connected later`,
  );
}

async function readMember(request: ApiRequest): Promise<Member> {
  return decode(await request.body(), memberBody, 'network');
}

/** Connects a container to a network of the cluster; returns once it has its address there. */
const connect: RouteHandler = async (context, request, reference = '') => {
  const body = await readMember(request);
  requireClusterNetwork(reference);
  const network = lookupNetwork(context.store.view, reference);
  const item = findContainer(context.store.view, body.Container);
  requireNode(item, 'connect');
  const { id: taskId } = item.task;
  const attachment = toAttachment(network.spec.name, body.EndpointConfig ?? {});
  await context.control('container.connect', { taskId, attachment }, request);
  try {
    await untilConnected(context, request, { item, network });
  } catch (error) {
    await undo(context, request, item, network);
    throw error;
  }
  return done;
};

interface Membership {
  readonly item: PlacedContainer;
  readonly network: Network;
}

/** Throws `forbidden` with the reason if the container cannot have the address. */
async function untilConnected(
  context: GatewayContext,
  request: ApiRequest,
  { item, network }: Membership,
): Promise<void> {
  const now = (): Task | undefined => context.store.view.get('tasks', item.task.id);
  const problem = (): string | undefined => {
    const task = now();
    if (task?.explanation?.placed === false) return task.explanation.summary;
    return task?.status.error;
  };
  const isDone = (): boolean => {
    const task = now();
    if (task === undefined || isTerminal(task.status.state) || problem() !== undefined) return true;
    const address = task.attachments.find(({ networkId }) => networkId === network.id)?.address;
    return address !== undefined && (task.status.addresses ?? []).includes(address);
  };
  const { node, task } = item;
  const what = `node ${node.spec.name} to connect container ${task.containerName}`;
  await waitForState(context, request, { isDone, waitMs: connectMs, what });
  const left = now();
  const reason = left === undefined || isTerminal(left.status.state) ? undefined : problem();
  if (reason !== undefined) throw new AppError('forbidden', reason);
}

/** Takes a failed connect back; the client gets the connect's error. */
async function undo(
  { control, log }: GatewayContext,
  request: ApiRequest,
  { task }: PlacedContainer,
  { spec }: Network,
): Promise<void> {
  try {
    const args = { taskId: task.id, network: spec.name };
    const signal = AbortSignal.timeout(undoMs);
    await control('container.disconnect', args, { ...request, signal });
  } catch (error) {
    log.warn(
      `network ${spec.name}: container ${task.containerName} is left on it: ${messageOf(error)}`,
    );
  }
}

/** Disconnects a container; returns once it has left the network. */
const disconnect: RouteHandler = async (context, request, reference = '') => {
  const body = await readMember(request);
  requireClusterNetwork(reference);
  const { view } = context.store;
  const network = lookupNetwork(view, reference);
  const item = findContainer(view, body.Container);
  requireNode(item, 'disconnect');
  const { id: taskId, attachments, containerName } = item.task;
  const address = attachments.find(({ networkId }) => networkId === network.id)?.address ?? '';
  await context.control('container.disconnect', { taskId, network: network.spec.name }, request);
  const isDone = (): boolean => {
    const task = view.get('tasks', taskId);
    if (task === undefined || isTerminal(task.status.state)) return true;
    return !(task.status.addresses ?? []).includes(address);
  };
  const what = `node ${item.node.spec.name} to disconnect container ${containerName}`;
  await waitForState(context, request, { isDone, waitMs: connectMs, what });
  return done;
};

export const networkMemberRoutes: readonly Route[] = [
  {
    method: 'POST',
    pattern: /^\/networks\/([^/]+)\/connect$/u,
    right: deployCluster,
    handler: connect,
  },
  {
    method: 'POST',
    pattern: /^\/networks\/([^/]+)\/disconnect$/u,
    right: deployCluster,
    handler: disconnect,
  },
];
