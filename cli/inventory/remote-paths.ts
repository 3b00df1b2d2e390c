/** Paths on a machine. */
export const remotePaths = {
  root: '/opt/shoal',
  settings: '/etc/shoal',
  data: '/var/lib/shoal',
  node: '/opt/shoal/current/runtime/bin/node',
  main: '/opt/shoal/current/app/dist/program/main.js',
  pkiMain: '/opt/shoal/current/app/dist/program/pki-main.js',
  command: '/usr/local/bin/shoal',
  note: '/etc/shoal/machine.json',
  managerSettings: '/etc/shoal/manager.json',
  workerSettings: '/etc/shoal/worker.json',
  managerUnit: '/etc/systemd/system/shoal-manager.service',
  workerUnit: '/etc/systemd/system/shoal-worker.service',
  isolateUnit: '/etc/systemd/system/shoal-isolate.service',
  isolateRules: '/etc/shoal/isolate.nft',
  /** The manager's Docker socket. */
  dockerSocket: '/run/shoal-manager/docker.sock',
  consulRoot: '/opt/shoal/consul',
  consulSettings: '/etc/shoal/consul/agent.json',
  /** The CA of the cluster's Consul agents, which signs nothing else. */
  consulAgentCa: '/etc/shoal/consul/ca.pem',
  /** The agent's management token, if ACLs are enabled. */
  consulAgentToken: '/etc/shoal/consul/token',
  consulUnit: '/etc/systemd/system/shoal-consul.service',
  consulReloadPath: '/etc/systemd/system/shoal-consul-reload.path',
  consulReloadUnit: '/etc/systemd/system/shoal-consul-reload.service',
  /** The manager's credentials for Consul. */
  consulToken: '/etc/shoal/manager-consul/token',
  consulCa: '/etc/shoal/manager-consul/ca.pem',
  consulCert: '/etc/shoal/manager-consul/cert.pem',
  consulKey: '/etc/shoal/manager-consul/key.pem',
  ca: '/etc/shoal/pki/ca.pem',
  engineCa: '/etc/shoal/engine/ca.pem',
} as const;

/** System user and group of the manager on a machine. */
export const managerUser = 'shoal-manager';

/** Group of the users who may use the manager's Docker socket. */
export const socketGroup = 'shoal';

/** Certificates of a machine and their private keys, which are generated there. */
export const certificatePaths = {
  engine: { cert: '/etc/shoal/engine/server.pem', key: '/etc/shoal/engine/server-key.pem' },
  intermediate: {
    cert: '/etc/shoal/pki/intermediate.pem',
    key: '/etc/shoal/pki/intermediate-key.pem',
  },
  manager: { cert: '/etc/shoal/pki/manager.pem', key: '/etc/shoal/pki/manager-key.pem' },
  worker: { cert: '/etc/shoal/pki/worker.pem', key: '/etc/shoal/pki/worker-key.pem' },
  consul: { cert: '/etc/shoal/consul/agent.pem', key: '/etc/shoal/consul/agent-key.pem' },
} as const;

export type CertificateName = keyof typeof certificatePaths;

/** Files that earlier versions wrote and this one never reads. */
export const obsoletePaths: readonly string[] = [
  '/etc/shoal/pki/engine-client.pem',
  '/etc/shoal/pki/engine-client-key.pem',
];

export const managerPort = 7070;
