import { isolationRules } from '../../manager/common/model/isolation.js';
import type { ConsulFiles } from './consul-files.js';
import type { EngineConfig } from './engine-config.js';
import { daemonJsonPath, dropInPath } from './engine-config.js';
import type { CertificateName } from '../inventory/remote-paths.js';
import { certificatePaths, remotePaths } from '../inventory/remote-paths.js';
import type { DesiredConfiguration, DesiredFile } from './plan.js';
import type { MachineRecord } from '../inventory/machine-record.js';
import type { ClusterMembership } from './settings-files.js';
import { managerSettings, toLabels, workerSettings } from './settings-files.js';
import type { ConsulAgent } from './consul-agent.js';
import { consulReloadPath, consulReloadUnit, consulSettings, consulUnit } from './consul-agent.js';
import { isolateUnit, managerUnit, shoalCommand, workerUnit } from './units.js';

/** Inputs for a machine's desired state: its record, its cluster and the user's CA. */
export interface MachineSpec {
  readonly record: MachineRecord;
  /** Undefined for a standalone engine outside any cluster. */
  readonly membership: ClusterMembership | undefined;
  readonly user: string;
  /** PEM of the user's CA. */
  readonly ca: string;
  /** PEM of the CA as installed in the engine, see UserAuthority. */
  readonly engineAnchor: string;
}

const managerFiles = [
  remotePaths.managerSettings,
  remotePaths.managerUnit,
  certificatePaths.manager.cert,
  certificatePaths.manager.key,
  certificatePaths.intermediate.cert,
  certificatePaths.intermediate.key,
  certificatePaths.engineClient.cert,
  certificatePaths.engineClient.key,
  remotePaths.consulToken,
  remotePaths.consulCa,
  remotePaths.consulCert,
  remotePaths.consulKey,
];

const consulAgentFiles = [
  remotePaths.consulSettings,
  remotePaths.consulAgentToken,
  remotePaths.consulUnit,
  remotePaths.consulReloadPath,
  remotePaths.consulReloadUnit,
];

const workerFiles = [
  remotePaths.workerSettings,
  remotePaths.workerUnit,
  remotePaths.isolateUnit,
  remotePaths.isolateRules,
  certificatePaths.worker.cert,
  certificatePaths.worker.key,
  remotePaths.ca,
];

/** Paths whose checksums the probe reports and the plan compares. */
export const checksummedPaths: readonly string[] = [
  dropInPath,
  daemonJsonPath,
  remotePaths.command,
  remotePaths.note,
  remotePaths.engineCa,
  certificatePaths.engine.cert,
  ...managerFiles,
  ...workerFiles,
  ...consulAgentFiles,
];

/** Paths of public certificates, which the probe reads for the certificate plan. */
export const certificateReadPaths: readonly string[] = Object.values(certificatePaths).map(
  ({ cert }) => cert,
);

/** /etc/shoal/machine.json: changes to the engine that `machine rm` has to revert. */
export interface MachineNote {
  readonly name: string;
  /** True if shoal enabled live-restore in daemon.json. */
  readonly liveRestore: boolean;
}

export interface ConfigureInput {
  readonly engine: EngineConfig;
  readonly note: MachineNote;
  /** PEM of newly issued certificates; absent ones are left unchanged. */
  readonly issued: ReadonlyMap<CertificateName, string>;
  readonly programChanged: boolean;
}

function consulAgentWant(agent: ConsulAgent): readonly DesiredFile[] {
  return [
    { path: remotePaths.consulSettings, content: consulSettings(agent), mode: 0o600 },
    ...(agent.token === undefined
      ? []
      : [{ path: remotePaths.consulAgentToken, content: agent.token, mode: 0o600 }]),
    { path: remotePaths.consulUnit, content: consulUnit, mode: 0o644 },
    { path: remotePaths.consulReloadPath, content: consulReloadPath, mode: 0o644 },
    { path: remotePaths.consulReloadUnit, content: consulReloadUnit, mode: 0o644 },
  ];
}

function consulClientFiles(files: ConsulFiles = {}): readonly DesiredFile[] {
  const pairs = [
    [remotePaths.consulToken, files.token],
    [remotePaths.consulCa, files.ca],
    [remotePaths.consulCert, files.cert],
    [remotePaths.consulKey, files.key],
  ] as const;
  return pairs.flatMap(([path, content]) =>
    content === undefined ? [] : [{ path, content, mode: 0o600 }],
  );
}

/** The desired files and units of the machine. */
export function desiredConfiguration(
  want: MachineSpec,
  input: ConfigureInput,
): DesiredConfiguration {
  const { record, membership } = want;
  const file = (path: string, content: string, mode = 0o644): DesiredFile => ({
    path,
    content,
    mode,
  });
  const machine = {
    name: record.Name,
    address: record.Driver.IPAddress,
    labels: toLabels(record.HostOptions.EngineOptions.Labels),
  };
  const files = [
    file(dropInPath, input.engine.dropIn),
    ...(input.engine.daemonJson === undefined
      ? []
      : [file(daemonJsonPath, input.engine.daemonJson)]),
    file(remotePaths.engineCa, want.engineAnchor),
    file(remotePaths.command, shoalCommand, 0o755),
    file(remotePaths.note, `${JSON.stringify(input.note)}\n`),
    ...[...input.issued].map(([name, pem]) => file(certificatePaths[name].cert, pem)),
  ];
  if (membership === undefined) {
    return {
      files,
      absent: [...workerFiles, ...managerFiles, ...consulAgentFiles],
      units: [],
      programChanged: input.programChanged,
    };
  }
  files.push(
    file(remotePaths.ca, want.ca),
    file(remotePaths.workerSettings, workerSettings(machine, membership), 0o600),
    file(remotePaths.workerUnit, workerUnit),
    file(remotePaths.isolateUnit, isolateUnit),
    file(remotePaths.isolateRules, isolationRules()),
  );
  const isManager = membership.role === 'manager';
  const agent = membership.consulAgent;
  if (agent !== undefined) files.push(...consulAgentWant(agent));
  if (isManager) {
    files.push(
      ...consulClientFiles(membership.consulFiles),
      file(remotePaths.managerSettings, managerSettings(machine, membership), 0o600),
      file(remotePaths.managerUnit, managerUnit),
    );
  }
  return {
    files,
    absent: [...(isManager ? [] : managerFiles), ...(agent === undefined ? consulAgentFiles : [])],
    units: [
      ...(agent === undefined ? [] : (['shoal-consul'] as const)),
      ...(isManager ? (['shoal-manager'] as const) : []),
      'shoal-worker',
    ],
    programChanged: input.programChanged,
  };
}
