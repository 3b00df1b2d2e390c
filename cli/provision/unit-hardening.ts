import { dirname } from 'node:path';
import { managerUser, remotePaths, socketGroup } from '../inventory/remote-paths.js';

/*
 * Directives of systemd.exec(5) that restrict manager and worker. Left out on purpose:
 * MemoryDenyWriteExecute, because V8 compiles at run time; ProtectProc, because the holder of a
 * store's lock is looked up in /proc and may be another user.
 */

interface Program {
  readonly node: string;
  readonly main: string;
}

const pki = dirname(remotePaths.ca);
const managerData = `${remotePaths.data}/manager`;
const socketFolder = dirname(remotePaths.dockerSocket);
const managerConsul = dirname(remotePaths.consulToken);

const restrictions = [
  'NoNewPrivileges=yes',
  'ProtectSystem=strict',
  'PrivateDevices=yes',
  'ProtectClock=yes',
  'ProtectControlGroups=yes',
  'ProtectKernelLogs=yes',
  'ProtectKernelModules=yes',
  'RestrictNamespaces=yes',
  'RestrictRealtime=yes',
  'LockPersonality=yes',
  // Netlink lists the machine's addresses.
  'RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK',
  'SystemCallArchitectures=native',
  'SystemCallErrorNumber=EPERM',
];

/*
 * Gives the manager its files, before each start: root may have written some, at provisioning, by
 * `store import` or from a backup. The manager renews its certificates in the folder that the
 * worker's are in; the sticky bit keeps those from it.
 */
const ownFiles = [
  `chmod 0711 ${remotePaths.settings} ${remotePaths.data}`,
  `mkdir -p ${managerData}`,
  `chown -hR ${managerUser}:${managerUser} ${managerData}`,
  `chmod 0700 ${managerData}`,
  `chown root:${managerUser} ${pki} ${remotePaths.managerSettings}`,
  `chmod 1770 ${pki}`,
  `chmod 0640 ${remotePaths.managerSettings}`,
  // systemd unescapes the backslashes once.
  `find ${pki} -maxdepth 1 -type f -links 1 \\\\( -name "manager*" -o -name "intermediate*" \\\\) -exec chown -h ${managerUser}:${managerUser} {} +`,
  // Files in a folder with the set-group-id bit have its group.
  `{ getent group ${socketGroup} >/dev/null || groupadd --system ${socketGroup}; }`,
  `mkdir -p ${socketFolder}`,
  `chown ${managerUser}:${socketGroup} ${socketFolder}`,
  `chmod 2750 ${socketFolder}`,
  `if [ -d ${managerConsul} ]; then chown -hR root:${managerUser} ${managerConsul} && chmod -R u=rwX,g=rX,o= ${managerConsul}; fi`,
];

/** The manager: a user of its own without any capability. */
export const managerHardening: readonly string[] = [
  `ExecStartPre=+/bin/sh -c '${ownFiles.join(' && ')}'`,
  `User=${managerUser}`,
  `Group=${managerUser}`,
  'CapabilityBoundingSet=',
  'AmbientCapabilities=',
  ...restrictions,
  'ProtectHome=yes',
  'ProtectHostname=yes',
  'ProtectKernelTunables=yes',
  'PrivateTmp=yes',
  'RemoveIPC=yes',
  'RestrictSUIDSGID=yes',
  'SystemCallFilter=@system-service',
  'SystemCallFilter=~@privileged @resources',
  // Data, and renewed certificates. Before the first start the folder of data is missing.
  `ReadWritePaths=-${managerData} -${socketFolder} ${pki}`,
];

/** Capabilities of the worker, each with its reason. */
const workerCapabilities = [
  ['CAP_NET_ADMIN', 'bridges, VXLAN devices, neighbour entries and nftables rules'],
  ['CAP_NET_RAW', 'iptables with the legacy backend opens a raw socket'],
  ['CAP_NET_BIND_SERVICE', 'DNS on port 53 of the bridges'],
  ['CAP_CHOWN', 'secrets and configs belong to the user of their container'],
  ['CAP_FOWNER', 'modes of these files, which then belong to somebody else'],
  ['CAP_FSETID', 'modes of these files with a set-group-id bit'],
  ['CAP_DAC_OVERRIDE', 'replacement of these files'],
] as const;

/** True for a path that a private /tmp hides. */
function isTemporary(path: string): boolean {
  return /^(?:\/var)?\/tmp\//u.test(path);
}

/**
 * The worker: root with the capabilities that it uses. A program outside /opt, of a machine that
 * joined by itself, may be in a home or temporary folder.
 */
export function workerHardening(program: Program): readonly string[] {
  const paths = [program.node, program.main];
  return [
    ...workerCapabilities.map(([name, reason]) => `# ${name}: ${reason}`),
    `CapabilityBoundingSet=${workerCapabilities.map(([name]) => name).join(' ')}`,
    ...restrictions,
    `ProtectHome=${program.main === remotePaths.main ? 'yes' : 'read-only'}`,
    ...(paths.some(isTemporary) ? [] : ['PrivateTmp=yes']),
    'SystemCallFilter=@system-service',
    // In /run are secrets of containers and the lock of iptables.
    `StateDirectory=shoal/worker`,
    'StateDirectoryMode=0700',
    `ReadWritePaths=${pki} /run`,
  ];
}
