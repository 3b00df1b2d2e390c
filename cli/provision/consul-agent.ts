import type { ConsulTrust, LocalClusterRecord } from '../inventory/cluster-record.js';
import type { ConsulFiles } from './consul-files.js';
import { certificatePaths, remotePaths } from '../inventory/remote-paths.js';

/*
 * Consul on the cluster's own machines (--consul-server): servers on the first managers, a client
 * agent on every other manager. HTTP and DNS listen on loopback only. RPC and Raft (8300) take
 * certificates of the agents' own CA only; gossip (8301) knows no certificates, its key keeps
 * everybody else out. Workers without an agent have neither.
 */

export interface ConsulAgent {
  /** Name and underlay address of the machine. */
  readonly name: string;
  readonly address: string;
  readonly isServer: boolean;
  /**
   * Number of servers that bootstrap together; undefined for an agent or a server that joins later.
   */
  readonly bootstrapExpect: number | undefined;
  /** Addresses of the other servers. */
  readonly join: readonly string[];
  readonly gossipKey: string;
  /** The agents' own CA, PEM. */
  readonly ca: string;
  /** Management token; requests without it may only resolve names. Undefined disables ACLs. */
  readonly token: string | undefined;
}

/** The Consul agent of a machine; undefined if the machine runs none. */
export function planConsulAgent(
  cluster: LocalClusterRecord,
  machine: { readonly name: string; readonly address: string; readonly isManager: boolean },
  { gossipKey = '', agentCa = '', token }: ConsulFiles,
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
    bootstrapExpect: server === undefined || server.joined === true ? undefined : founders,
    join: cluster.consulServers.map((each) => each.address).filter((other) => other !== address),
    gossipKey,
    ca: agentCa,
    token,
  };
}

/**
 * Consul's configuration as JSON, with keys that 1.7 and later accept. Agents that still trust the
 * user's CA (`trust`) present the worker's certificate until all agents trust the new one.
 */
export function consulSettings(agent: ConsulAgent, trust: ConsulTrust = 'own'): string {
  const { cert, key } = trust === 'both' ? certificatePaths.worker : certificatePaths.consul;
  const { isServer: server, bootstrapExpect: founders, token } = agent;
  return `${JSON.stringify(
    {
      node_name: agent.name,
      server,
      ...(founders === undefined ? {} : { bootstrap_expect: founders }),
      data_dir: `${remotePaths.data}/consul`,
      bind_addr: agent.address,
      client_addr: '127.0.0.1',
      retry_join: agent.join,
      retry_interval: '1s',
      // A single datacentre: the WAN gossip port is disabled.
      ports: { http: 8500, dns: 8600, serf_wan: -1 },
      ...(token === undefined ? {} : { acl: accessControl(token) }),
      performance: { raft_multiplier: 1 },
      limits: { http_max_conns_per_client: 1_000 },
      encrypt: agent.gossipKey,
      ca_file: remotePaths.consulAgentCa,
      cert_file: cert,
      key_file: key,
      verify_incoming_rpc: true,
      verify_outgoing: true,
      // Another agent's certificate of the same CA is not a server's.
      verify_server_hostname: trust === 'own',
      // A returning server becomes a voter after two seconds instead of ten, so that three servers
      // soon tolerate the next failure.
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

/** `master` is the old name of `initial_management` (1.11); newer versions accept both. */
function accessControl(token: string): object {
  return {
    enabled: true,
    default_policy: 'deny',
    down_policy: 'extend-cache',
    tokens: { master: token, agent: token },
  };
}

/** PATH prefers an uploaded Consul binary to the system's. */
export const consulUnit = `# Written by shoal; "shoal machine provision" writes it again.
[Unit]
Description=Consul of the Shoal cluster
After=network-online.target
Wants=shoal-consul-reload.path
StartLimitIntervalSec=0

[Service]
Environment=PATH=${remotePaths.consulRoot}/current:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ExecStart=/usr/bin/env consul agent -config-file=${remotePaths.consulSettings}
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

/** Consul reads a renewed certificate only on SIGHUP. */
export const consulReloadPath = `# Written by shoal; "shoal machine provision" writes it again.
[Unit]
Description=Shoal: reload Consul when its certificate is renewed

[Path]
PathChanged=${certificatePaths.consul.cert}

[Install]
WantedBy=multi-user.target
`;

export const consulReloadUnit = `# Written by shoal; "shoal machine provision" writes it again.
[Unit]
Description=Shoal: reload Consul when its certificate is renewed

[Service]
Type=oneshot
ExecStart=/bin/systemctl try-reload-or-restart shoal-consul.service
`;
