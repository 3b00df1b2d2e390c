import type { ClusterRecord } from '../inventory/cluster-record.js';
import type { ConsulFiles } from './consul-files.js';
import { certificatePaths, remote } from '../inventory/layout.js';

/*
 * Consul on the cluster's own machines: servers on those the cluster began with, an agent on each other
 * one that runs a manager. HTTP and DNS answer on the machine alone; what goes from machine to machine is
 * encrypted, with the certificates the workers have.
 */

export interface ConsulAgent {
  /** Name and underlay address of the machine. */
  readonly name: string;
  readonly address: string;
  readonly isServer: boolean;
  /** How many servers begin together; undefined for an agent that joins them. */
  readonly founders: number | undefined;
  /** Addresses of the others. */
  readonly join: readonly string[];
  readonly gossipKey: string;
  /** May do everything; who shows none may ask for names only. Without, everybody on the machine may. */
  readonly token: string | undefined;
}

/** The agent a machine is to have; undefined without one. */
export function consulAgentOf(
  cluster: ClusterRecord,
  machine: { readonly name: string; readonly address: string; readonly isManager: boolean },
  { gossipKey = '', token }: ConsulFiles,
): ConsulAgent | undefined {
  if (cluster.consulServers === undefined) return undefined;
  const { name, address, isManager } = machine;
  const server = cluster.consulServers.find((each) => each.name === name);
  if (server === undefined && !isManager) return undefined;
  const founders = cluster.consulFounders ?? cluster.consulServers.length;
  return {
    name,
    address,
    isServer: server !== undefined,
    founders: server === undefined || server.joined === true ? undefined : founders,
    join: cluster.consulServers.map((each) => each.address).filter((other) => other !== address),
    gossipKey,
    token,
  };
}

/** Consul's settings, in words that 1.7 and later know. */
export function consulSettings(agent: ConsulAgent): string {
  const { cert, key } = certificatePaths.worker;
  const { isServer: server, founders, token } = agent;
  return `${JSON.stringify(
    {
      node_name: agent.name,
      server,
      ...(founders === undefined ? {} : { bootstrap_expect: founders }),
      data_dir: `${remote.data}/consul`,
      bind_addr: agent.address,
      client_addr: '127.0.0.1',
      retry_join: agent.join,
      retry_interval: '1s',
      // One datacentre: nothing is to listen for others.
      ports: { http: 8500, dns: 8600, serf_wan: -1 },
      ...(token === undefined ? {} : { acl: accessControl(token) }),
      performance: { raft_multiplier: 1 },
      limits: { http_max_conns_per_client: 1_000 },
      encrypt: agent.gossipKey,
      ca_file: remote.ca,
      cert_file: cert,
      key_file: key,
      verify_incoming_rpc: true,
      verify_outgoing: true,
      // Three servers are to bear the next fault soon after the one before: a server that comes back has a
      // vote after two seconds in place of ten.
      autopilot: { server_stabilization_time: '2s', last_contact_threshold: '1s' },
      leave_on_terminate: false,
      skip_leave_on_interrupt: true,
      disable_update_check: true,
      log_level: 'WARN',
    },
    undefined,
    2,
  )}\n`;
}

/** `master` is `initial_management` since 1.11, which the older ones do not know; newer ones know both. */
function accessControl(token: string): object {
  return {
    enabled: true,
    default_policy: 'deny',
    down_policy: 'extend-cache',
    tokens: { master: token, agent: token },
  };
}

/** env finds a program that was uploaded before one of the system's own. */
export const consulUnit = `# Written by shoal; "shoal machine provision" writes it again.
[Unit]
Description=Consul of the Shoal cluster
After=network-online.target
StartLimitIntervalSec=0

[Service]
Environment=PATH=${remote.consulRoot}/current:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ExecStart=/usr/bin/env consul agent -config-file=${remote.consulSettings}
ExecReload=/bin/kill -HUP $MAINPID
Restart=always
RestartSec=200ms
TimeoutStopSec=20
OOMScoreAdjust=-500
LimitNOFILE=65536
UMask=0077

[Install]
WantedBy=multi-user.target
Also=shoal-consul-reload.path
`;

/** Workers renew their certificate in place; Consul reads it again only when told. */
export const consulReloadPath = `# Written by shoal; "shoal machine provision" writes it again.
[Unit]
Description=Shoal: Consul takes a renewed certificate

[Path]
PathChanged=${certificatePaths.worker.cert}

[Install]
WantedBy=multi-user.target
`;

export const consulReloadUnit = `# Written by shoal; "shoal machine provision" writes it again.
[Unit]
Description=Shoal: Consul takes a renewed certificate

[Service]
Type=oneshot
ExecStart=/bin/systemctl try-reload-or-restart shoal-consul.service
`;
