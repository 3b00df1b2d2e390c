import { join } from 'node:path';
import { AppError, messageOf } from '../../manager/common/base/errors.js';
import { createConsulAuthority } from '../certificates/consul-authority.js';
import type { UserAuthority } from '../certificates/authority.js';
import { issueCertificates } from '../certificates/issue-certificates.js';
import type { ConsulTrust, LocalClusterRecord } from '../inventory/cluster-record.js';
import { consulTrusts } from '../inventory/cluster-record.js';
import { withFileLock } from '../inventory/file-lock.js';
import type { MachineRecord } from '../inventory/machine-record.js';
import { certificatePaths, remotePaths } from '../inventory/remote-paths.js';
import { packTar } from '../bundle/archive.js';
import {
  consulReloadPath,
  consulSettings,
  consulUnit,
  planConsulAgent,
} from '../provision/consul-agent.js';
import type { ConsulFiles } from '../provision/consul-files.js';
import { loadConsulFiles, saveConsulFiles } from '../provision/consul-files.js';
import type { DesiredFile } from '../provision/plan.js';
import type { RemoteMachine } from '../ssh/remote-machine.js';
import { applyConsulTrust, writeFiles } from '../ssh/remote-scripts.js';
import type { ProvisionContext } from './provision-context.js';

/*
 * Moves the running Consul agents of a cluster of an earlier version to a CA of their own. Every
 * agent completes a pass before the first one starts the next, so any two agents accept each other
 * at any moment. The passes are idempotent; an interrupted upgrade resumes at its pass.
 */

const passTitles: Readonly<Record<ConsulTrust, string>> = {
  both: 'trusting the new CA of consul',
  certificates: 'using certificates of the new CA',
  own: 'refusing certificates of other CAs',
};

/** The agents' machines: the servers, and the managers that are provisioned. */
async function agentMachines(
  { store }: ProvisionContext,
  cluster: LocalClusterRecord,
): Promise<readonly MachineRecord[]> {
  const servers = cluster.consulServers ?? [];
  const names = new Set([...servers, ...cluster.managers].map(({ name }) => name));
  const records = await Promise.all([...names].map(async (name) => store.find(name)));
  return records.filter((record) => record !== undefined);
}

async function withAuthority(
  { store }: ProvisionContext,
  cluster: string,
): Promise<ConsulFiles & Required<Pick<ConsulFiles, 'agentCa' | 'agentCaKey'>>> {
  const files = await loadConsulFiles(store.home, cluster);
  const { agentCa, agentCaKey } = files;
  if (agentCa !== undefined && agentCaKey !== undefined) return { ...files, agentCa, agentCaKey };
  const { cert, key } = await createConsulAuthority(cluster, new Date());
  const created = { agentCaKey: key, agentCa: cert };
  await saveConsulFiles(store.home, cluster, created);
  return { ...files, ...created };
}

interface Pass {
  readonly trust: ConsulTrust;
  readonly cluster: LocalClusterRecord;
  readonly files: ConsulFiles & Required<Pick<ConsulFiles, 'agentCa' | 'agentCaKey'>>;
  readonly authority: UserAuthority;
}

/** Brings one machine's agent to the pass; a machine without an agent is left as it is. */
async function upgradeAgent(
  machine: RemoteMachine,
  record: MachineRecord,
  { trust, cluster, files, authority }: Pass,
): Promise<void> {
  const { Name: name, Driver, HostOptions } = record;
  const { Master: isManager, NodeID: nodeId } = HostOptions.SwarmOptions;
  const agent = planConsulAgent(cluster, { name, address: Driver.IPAddress, isManager }, files);
  const has = await machine.exec(['test', '-e', remotePaths.consulSettings]);
  if (agent === undefined || has.code !== 0) return;
  const entries: DesiredFile[] = [
    { path: remotePaths.consulSettings, content: consulSettings(agent, trust), mode: 0o600 },
    {
      path: remotePaths.consulAgentCa,
      content: trust === 'own' ? files.agentCa : files.agentCa + authority.trust,
      mode: 0o644,
    },
    { path: remotePaths.consulUnit, content: consulUnit, mode: 0o644 },
    { path: remotePaths.consulReloadPath, content: consulReloadPath, mode: 0o644 },
  ];
  if (trust === 'both') {
    const membership = {
      nodeId,
      clusterId: cluster.id,
      role: isManager ? ('manager' as const) : ('worker' as const),
      consulAgent: agent,
    };
    const issued = await issueCertificates({
      machine,
      want: { record, membership, user: authority.user },
      names: ['consul'],
      authority,
      consulAuthority: { cert: files.agentCa, key: files.agentCaKey },
      signNodes: () => Promise.resolve([]),
      now: new Date(),
    });
    const content = issued.get('consul') ?? '';
    entries.push({ path: certificatePaths.consul.cert, content, mode: 0o644 });
  }
  await machine.script("write the settings of the machine's consul", writeFiles, [], {
    stdin: await packTar(entries.map((entry) => ({ ...entry, path: entry.path.slice(1) }))),
  });
  // Connections that were made with a worker's certificate end with a restart only.
  const action = trust === 'own' ? 'restart' : 'reload';
  await machine.script(`${action} consul`, applyConsulTrust, [action], { timeoutMs: 90_000 });
}

async function reach(
  provisioning: ProvisionContext,
  record: MachineRecord,
  cluster: string,
): Promise<RemoteMachine> {
  try {
    const machine = await provisioning.connectTo(record);
    await machine.probeLogin();
    return machine;
  } catch (error) {
    throw new AppError(
      'unavailable',
      `consul of cluster "${cluster}": all its machines change to a new CA together, but ${record.Name} cannot be reached: ${messageOf(error)}; start it, or remove it with "shoal machine rm -f ${record.Name}"`,
      { cause: error },
    );
  }
}

/**
 * Upgrades the cluster's Consul agents to their own CA, one after the other; nothing for clusters
 * that are done or run none. Throws `unavailable` if a machine with an agent cannot be reached.
 */
export async function upgradeConsul(
  provisioning: ProvisionContext,
  name: string,
  step: (title: string) => void,
): Promise<void> {
  const { store } = provisioning;
  if (!needsUpgrade(await store.findCluster(name))) return;
  await withFileLock(join(store.home, 'clusters', `${name}.consul.lock`), async () => {
    const cluster = await store.findCluster(name);
    if (cluster !== undefined && needsUpgrade(cluster))
      await runPasses(provisioning, cluster, step);
  });
}

function needsUpgrade(cluster: LocalClusterRecord | undefined): boolean {
  return cluster?.consulServers !== undefined && cluster.consulTrust !== 'own';
}

async function runPasses(
  provisioning: ProvisionContext,
  cluster: LocalClusterRecord,
  step: (title: string) => void,
): Promise<void> {
  const { store } = provisioning;
  const { name } = cluster;
  const records = await agentMachines(provisioning, cluster);
  for (const record of records) await reach(provisioning, record, name);
  const files = await withAuthority(provisioning, name);
  const authority = await provisioning.authority();
  const done = cluster.consulTrust;
  const from = done === undefined ? 0 : consulTrusts.indexOf(done) + 1;
  for (const trust of consulTrusts.slice(from)) {
    for (const record of records) {
      step(`${passTitles[trust]} on ${record.Name}`);
      // A new connection for each step: a machine may be busy with elections in between.
      const machine = await reach(provisioning, record, name);
      await upgradeAgent(machine, record, { trust, cluster, files, authority });
    }
    await store.updateCluster(name, (seen) =>
      seen === undefined ? undefined : { ...seen, consulTrust: trust },
    );
  }
}
