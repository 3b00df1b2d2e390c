import { AppError } from '../../common/base/errors.js';
import type { NetworkAttachmentSpec, TaskSpec } from '../../common/model/service.js';
import type { Task } from '../../common/model/task.js';
import { isTerminal } from '../../common/model/task-state.js';
import { networkAttachment } from '../../common/protocol/spec-decoders.js';
import type { Transaction } from '../../store/store.js';
import { Args } from '../args.js';
import type { ControlCalls } from '../context.js';
import { findTask, ownService } from './own-container.js';

/** Writes the networks of a client's container, which every later run of it joins. */
function changeNetworks(
  tx: Transaction,
  task: Task,
  change: (networks: TaskSpec['networks']) => TaskSpec['networks'],
): void {
  const service = ownService(tx, task, 'connect');
  const changed = (spec: TaskSpec): TaskSpec => ({ ...spec, networks: change(spec.networks) });
  tx.put('services', {
    ...service,
    spec: { ...service.spec, task: changed(service.spec.task) },
  });
  for (const each of tx.tasksOfService(service.id)) {
    if (isTerminal(each.status.state)) continue;
    const spec = changed(each.spec);
    const names = new Set(spec.networks.map(({ network }) => network));
    const attachments = each.attachments.filter(({ network }) => names.has(network));
    const { explanation, ...rest } = each;
    const isRefused = explanation?.placed === false && each.nodeId !== undefined;
    const shown = isRefused || explanation === undefined ? {} : { explanation };
    tx.put('tasks', { ...rest, ...shown, spec, attachments });
  }
}

/** Adds a network; the allocator leases an address on it and the worker connects the container. */
function connect(tx: Transaction, task: Task, wanted: NetworkAttachmentSpec): void {
  const { network: name } = wanted;
  const network = tx.networkByName(name);
  if (network === undefined || network.removing) {
    throw new AppError('not-found', `network ${name} not found`);
  }
  const { networkMode } = task.spec.container;
  if (networkMode.kind !== 'networks') {
    throw new AppError(
      'forbidden',
      'container sharing network namespace with another container or host cannot be connected to any other network',
    );
  }
  changeNetworks(tx, task, (networks) => {
    if (networks.some((each) => each.network === name)) {
      throw new AppError(
        'forbidden',
        `endpoint with name ${task.containerName} already exists in network ${name}`,
      );
    }
    return [...networks, wanted];
  });
}

function disconnect(tx: Transaction, task: Task, name: string): void {
  changeNetworks(tx, task, (networks) => {
    const left = networks.filter(({ network }) => network !== name);
    if (left.length < networks.length) return left;
    throw new AppError(
      'forbidden',
      `container ${task.status.containerId ?? task.containerName} is not connected to network ${name}`,
    );
  });
}

/** Calls that change the networks of a client's container while it exists. */
export const containerNetworkCalls: Pick<
  ControlCalls,
  'container.connect' | 'container.disconnect'
> = {
  'container.connect': async ({ store }, value) => {
    const args = new Args('container.connect', value);
    const attachment = args.field('attachment', networkAttachment);
    await store.update('control', (tx) => {
      connect(tx, findTask(tx, args.text('taskId')), attachment);
    });
    return null;
  },
  'container.disconnect': async ({ store }, value) => {
    const args = new Args('container.disconnect', value);
    await store.update('control', (tx) => {
      disconnect(tx, findTask(tx, args.text('taskId')), args.text('network'));
    });
    return null;
  },
};
