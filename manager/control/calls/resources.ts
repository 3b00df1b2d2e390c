import type { Decoder } from '../../common/base/decode.js';
import { decode } from '../../common/base/decode.js';
import { AppError } from '../../common/base/errors.js';
import type { Service } from '../../common/model/service.js';
import { isTerminal } from '../../common/model/task-state.js';
import { networkSpec } from '../../common/protocol/object-decoders.js';
import { volumeSpec } from '../../common/protocol/spec-decoders.js';
import type { StoreView, Transaction } from '../../store/store.js';
import { checkNetworkRights, checkVolumeRights } from '../check-deployment.js';
import { createNetwork, createVolume } from '../apply-project.js';
import { Args } from '../args.js';
import type { ControlCalls } from '../context.js';

/** The Docker Engine's rule for names of volumes and networks. */
const namePattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

function readSpec<Spec extends { readonly name: string; readonly driver: string }>(
  call: string,
  value: unknown,
  decoder: Decoder<Spec>,
): Spec {
  const spec = decode(value, decoder, call);
  if (spec.driver === '') throw new AppError('invalid', `${call}: driver must not be empty`);
  if (namePattern.test(spec.name)) return spec;
  throw new AppError(
    'invalid',
    `name "${spec.name}": invalid; use letters, digits, _ . - and start with a letter or digit`,
  );
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
  'network.create': ({ store, newId, access, clusterView }, value) => {
    const spec = readSpec('network.create', value, networkSpec);
    checkNetworkRights(access, spec, clusterView);
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
  'volume.create': ({ store, newId, access, clusterView }, value) => {
    const spec = readSpec('volume.create', value, volumeSpec);
    checkVolumeRights(access, spec, clusterView);
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
