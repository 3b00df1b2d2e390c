import { messageOf } from '../../manager/common/base/errors.js';
import type { EngineAuthority } from '../certificates/engine-authority.js';
import { replaceEngineAuthority } from '../certificates/engine-authority.js';
import type { MachineRecord } from '../inventory/machine-record.js';
import { hasEnginePort } from '../inventory/machine-record.js';
import { installEngineAnchor } from '../ssh/remote-scripts.js';
import type { ProvisionContext } from './provision-context.js';

/** The record of a machine whose engine trusts this CA for clients, if it has a port. */
export function withEngineAnchor(record: MachineRecord, { id }: EngineAuthority): MachineRecord {
  const { HostOptions } = record;
  const { EngineAnchor: _, ...rest } = HostOptions.AuthOptions;
  const AuthOptions = hasEnginePort(record) ? { ...rest, EngineAnchor: id } : rest;
  return { ...record, HostOptions: { ...HostOptions, AuthOptions } };
}

/** The machines whose engines got the new CA, and those that could not be reached. */
export interface AnchorReplacement {
  readonly replaced: readonly string[];
  readonly failed: readonly { readonly name: string; readonly problem: string }[];
}

/**
 * Replaces the CA that the engines of a cluster trust for clients, on all machines at once, so that
 * every earlier certificate is refused. Engines restart, which ends connections made with one. A
 * machine that fails keeps the earlier CA until it is provisioned.
 */
export async function replaceEngineAnchors(
  provisioning: ProvisionContext,
  cluster: string,
): Promise<AnchorReplacement> {
  const { store } = provisioning;
  const records = (await store.list()).filter(
    (record) =>
      record.DriverName === 'generic' &&
      record.HostOptions.SwarmOptions.Cluster === cluster &&
      hasEnginePort(record),
  );
  if (records.length === 0) return { replaced: [], failed: [] };
  const authority = await replaceEngineAuthority(store, cluster, new Date());
  const outcomes = await Promise.all(
    records.map(async (record) => {
      const { Name: name } = record;
      try {
        await install(provisioning, record, authority);
        await store.save(withEngineAnchor(await store.load(name), authority));
        return { name };
      } catch (error) {
        provisioning.signal?.throwIfAborted();
        return { name, problem: messageOf(error) };
      }
    }),
  );
  return {
    replaced: outcomes.filter(({ problem }) => problem === undefined).map(({ name }) => name),
    failed: outcomes.flatMap(({ name, problem }) =>
      problem === undefined ? [] : [{ name, problem }],
    ),
  };
}

async function install(
  provisioning: ProvisionContext,
  record: MachineRecord,
  authority: EngineAuthority,
): Promise<void> {
  const machine = await provisioning.connectTo(record);
  await machine.probeLogin();
  await machine.script('replace the CA that the engine trusts', installEngineAnchor, [], {
    stdin: authority.cert,
    timeoutMs: 120_000,
  });
}
