import { AppError } from '../../common/base/errors.js';
import type { NetworkSpec, VolumeSpec } from '../../common/model/network.js';
import type { Service } from '../../common/model/service.js';
import { isTerminal } from '../../common/model/task-state.js';
import type { StoreView, Transaction } from '../../store/store.js';
import { createNetwork, createVolume } from '../apply-project.js';
import { Args } from '../args.js';
import type { ControlCalls } from '../context.js';

/** The Docker Engine's rule for names of volumes and networks. */
const namePattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

function readSpec(call: string, value: unknown): NetworkSpec & VolumeSpec {
  const args = new Args(call, value);
  const name = args.text('name');
  if (!namePattern.test(name)) {
    throw new AppError(
      'invalid',
      `name "${name}": invalid; use letters, digits, _ . - and start with a letter or digit`,
    );
  }
  args.text('driver');
  args.object('labels');
  args.object('driverOpts');
  return value as NetworkSpec & VolumeSpec;
}

function userOf(view: StoreView, uses: (service: Service) => boolean): Service | undefined {
  return view.list('services').find((service) => !service.removing && uses(service));
}

function removeNetwork(tx: Transaction, name: string): void {
  const network = tx.networkByName(name);
  if (network === undefined) throw new AppError('not-found', `no such network: ${name}`);
  const user = userOf(tx, ({ spec }) => spec.task.networks.some((item) => item.network === name));
  if (user !== undefined) {
    throw new AppError('conflict', `network ${name} is in use by service ${user.spec.name}`);
  }
  if (!network.removing) tx.put('networks', { ...network, removing: true });
}

function usesVolume(service: Pick<Service['spec'], 'task'>, name: string): boolean {
  return service.task.container.mounts.some(
    (mount) => mount.type === 'volume' && mount.source === name,
  );
}

function removeVolume(tx: Transaction, name: string): void {
  const volume = tx.volumeByName(name);
  if (volume === undefined) throw new AppError('not-found', `no such volume: ${name}`);
  const user = userOf(tx, ({ spec }) => usesVolume(spec, name));
  if (user !== undefined) {
    throw new AppError('conflict', `volume ${name} is in use by service ${user.spec.name}`);
  }
  const task = tx
    .list('tasks')
    .find((item) => !isTerminal(item.status.state) && usesVolume({ task: item.spec }, name));
  if (task !== undefined) {
    throw new AppError('conflict', `volume ${name} is in use by container ${task.containerName}`);
  }
  if (!volume.removing) tx.put('volumes', { ...volume, removing: true });
}

export const resourceCalls: Pick<
  ControlCalls,
  | 'network.list'
  | 'network.create'
  | 'network.remove'
  | 'volume.list'
  | 'volume.create'
  | 'volume.remove'
> = {
  'network.list': ({ store }) => Promise.resolve(store.view.list('networks')),
  'network.create': ({ store, newId }, value) => {
    const spec = readSpec('network.create', value);
    return store.update('control', (tx) => createNetwork(tx, newId, spec));
  },
  'network.remove': async ({ store }, value) => {
    const name = new Args('network.remove', value).text('name');
    await store.update('control', (tx) => {
      removeNetwork(tx, name);
    });
    return null;
  },
  'volume.list': ({ store }) => Promise.resolve(store.view.list('volumes')),
  'volume.create': ({ store, newId }, value) => {
    const spec = readSpec('volume.create', value);
    return store.update(
      'control',
      (tx) => tx.volumeByName(spec.name) ?? createVolume(tx, newId, spec),
    );
  },
  'volume.remove': async ({ store }, value) => {
    const args = new Args('volume.remove', value);
    const name = args.text('name');
    if (args.flag('force') && store.view.volumeByName(name) === undefined) return null;
    await store.update('control', (tx) => {
      removeVolume(tx, name);
    });
    return null;
  },
};
