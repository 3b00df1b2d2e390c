import type { Fields } from '../../../common/base/decode.js';
import type { Node } from '../../../common/model/node.js';
import { vxlanPort } from '../../../common/model/network.js';
import type { ClusterRecord } from '../../../store/store.js';
import { taskHistoryLimit } from '../../../common/model/task.js';
import { managerApiPort } from './node.js';

interface SwarmContext {
  readonly cluster: { readonly id: string; readonly nodeId: string };
  readonly record: ClusterRecord | undefined;
}

const nanosPerMs = 1_000_000;
const defaultLifetimeMs = 90 * 24 * 3_600_000;

/** The cluster object; its spec is what `docker swarm update` sends back. */
export interface SwarmCluster extends Fields {
  readonly Spec: Fields;
}

/** The cluster as Swarm mode's cluster object, without the join tokens. */
export function toSwarmCluster({ cluster, record }: SwarmContext): SwarmCluster {
  const lifetimeMs = record?.certificateLifetimeMs ?? defaultLifetimeMs;
  return {
    ID: cluster.id,
    Version: { Index: record?.version ?? 1 },
    CreatedAt: new Date(record?.createdAt ?? 0).toISOString(),
    UpdatedAt: new Date(record?.updatedAt ?? 0).toISOString(),
    Spec: {
      Name: 'default',
      Labels: {},
      Orchestration: { TaskHistoryRetentionLimit: taskHistoryLimit },
      Raft: {
        ...{ SnapshotInterval: 0, KeepOldSnapshots: 0, LogEntriesForSlowFollowers: 0 },
        ...{ ElectionTick: 0, HeartbeatTick: 0 },
      },
      Dispatcher: { HeartbeatPeriod: 1_000 * nanosPerMs },
      CAConfig: { NodeCertExpiry: lifetimeMs * nanosPerMs },
      TaskDefaults: {},
      EncryptionConfig: { AutoLockManagers: false },
    },
    TLSInfo: {},
    RootRotationInProgress: record?.rotation !== undefined,
    DefaultAddrPool: null,
    SubnetSize: 24,
    DataPathPort: vxlanPort,
  };
}

/** `Swarm` of `GET /info`: the leader is the node that answers. */
export function toSwarmInfo(context: SwarmContext, nodes: readonly Node[]): object {
  const { cluster } = context;
  const managers = nodes.filter(({ spec }) => spec.role === 'manager');
  const leader = nodes.find(({ id }) => id === cluster.nodeId);
  return {
    NodeID: cluster.nodeId,
    NodeAddr: leader?.description.address ?? '',
    LocalNodeState: 'active',
    ControlAvailable: true,
    Error: '',
    RemoteManagers: managers.map(({ id, description }) => ({
      NodeID: id,
      Addr: `${description.address}:${String(managerApiPort)}`,
    })),
    Nodes: nodes.length,
    Managers: managers.length,
    Cluster: toSwarmCluster(context),
  };
}
