import { AppError, messageOf } from '../../manager/common/base/errors.js';
import {
  adoptRoot,
  beginRootRotation,
  endRootRotation,
  enterRootPass,
} from '../certificates/replace-root.js';
import { askOnce, readPassphrase } from '../certificates/passphrase.js';
import type { RootPass } from '../certificates/root-rotation.js';
import { rootPasses } from '../certificates/root-rotation.js';
import type { MachineGlobals } from '../inventory/machine-globals.js';
import { openMachineStore } from '../inventory/open-store.js';
import { ProvisionProgress } from '../output/machine-progress.js';
import { nodeReadyIn, withCluster } from './cluster-calls.js';
import { ProvisionBatch } from './provision-batch.js';
import type { ProvisionContext } from './provision-context.js';
import { withProvisionContext } from './with-provision-context.js';

/*
 * Replaces the root CA of this computer on all machines of its records, over SSH, by provisioning
 * them once for each pass of root-rotation.ts.
 */

const titles: Readonly<Record<RootPass, string>> = {
  trust: 'machines trust the next root CA beside the old one',
  certificates: 'machines present certificates of the next root CA',
  own: 'machines refuse the old root CA',
};

export interface RootRotationOptions extends MachineGlobals {
  /** Go on without machines that cannot be provisioned, and without members that joined by token. */
  readonly force: boolean;
  /** Prints one line. */
  readonly say: (line: string) => void;
}

/**
 * Replaces the root CA, or resumes that; returns the names of machines that were left out with
 * `force`. Throws `conflict` for members that it cannot reach, `unavailable` if a machine fails.
 */
export async function rotateRoot(options: RootRotationOptions): Promise<readonly string[]> {
  const store = openMachineStore(options);
  const clients = await checkMembers(options);
  const ask = askOnce(() => readPassphrase('unlock'));
  let rotation = await beginRootRotation(store, new Date(), ask);
  let failed: readonly string[] = [];
  for (const pass of rootPasses.slice(rootPasses.indexOf(rotation.pass))) {
    rotation = await enterRootPass(store, rotation, pass);
    options.say(`${titles[pass]} (${rootPasses.indexOf(pass) + 1} of ${rootPasses.length})`);
    failed = await withProvisionContext({ ...options, ask }, (provisioning) =>
      runPass(provisioning, options),
    );
  }
  await endRootRotation(store, rotation);
  for (const name of failed) {
    options.say(
      `warning: ${name} still trusts the old root CA; when it is back, run "shoal machine provision ${name}"`,
    );
  }
  if (clients.length > 0) {
    options.say(
      `computers of clients trust the old root CA: give ${clients.join(', ')} a new file with "shoal client renew"`,
    );
  }
  return failed;
}

async function runPass(
  provisioning: ProvisionContext,
  options: RootRotationOptions,
): Promise<readonly string[]> {
  const { store } = provisioning;
  const records = (await store.list()).filter(({ DriverName }) => DriverName === 'generic');
  // Managers trust the root of every pass after the first before they see a certificate of it.
  await adoptRoot(store, await provisioning.authority(), new Date());
  const progress = new ProvisionProgress(process.stdout, options.progress);
  try {
    const nodeReady = nodeReadyIn(options);
    const batch = new ProvisionBatch(provisioning, progress, { renew: false, nodeReady });
    await batch.run(records);
    // An interrupt fails every machine: even with `force` the next pass must not begin.
    provisioning.signal?.throwIfAborted();
    if (batch.failed.length === 0 || options.force) return batch.failed;
    throw new AppError(
      'unavailable',
      `root CA: machines failed: ${batch.failed.join(', ')}; start them and run "shoal ca rotate --root" again, or leave them out with --force and provision them later`,
    );
  } finally {
    progress.close();
  }
}

/**
 * Returns the clients of all clusters. Throws `conflict`, unless `force` is set, for nodes without a
 * record: they joined by token, and only their own computer can give them another root.
 */
async function checkMembers(options: RootRotationOptions): Promise<readonly string[]> {
  const store = openMachineStore(options);
  const records = await store.list();
  const known = new Set(records.map(({ HostOptions }) => HostOptions.SwarmOptions.NodeID));
  const names = records.map(({ HostOptions }) => HostOptions.SwarmOptions.Cluster);
  const clients: string[] = [];
  const strangers: string[] = [];
  for (const cluster of new Set(names.filter((name) => name !== ''))) {
    try {
      await withCluster(options, cluster, async (client) => {
        for (const { name } of await client.call('client.list', {})) clients.push(name);
        for (const { id, spec } of await client.call('node.list', {})) {
          if (!known.has(id)) strangers.push(spec.name);
        }
      });
    } catch (error) {
      options.say(`warning: cluster ${cluster}: its members are unknown: ${messageOf(error)}`);
    }
  }
  if (strangers.length === 0 || options.force) return clients;
  throw new AppError(
    'conflict',
    `root CA: nodes that joined by token would lose their cluster: ${strangers.join(', ')}; go on with --force, then run "shoal worker join --force" on them with a new token`,
  );
}
