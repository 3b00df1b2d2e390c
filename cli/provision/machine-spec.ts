import type { Decoder } from '../../manager/common/base/decode.js';
import { boolean, decodeJson, object, optional, string } from '../../manager/common/base/decode.js';
import { isolationRules } from '../../manager/common/model/isolation.js';
import type { ConsulFiles } from './consul-files.js';
import type { EngineConfig } from './engine-config.js';
import { daemonJsonPath, dropInPath } from './engine-config.js';
import type { CertificateName } from '../inventory/remote-paths.js';
import {
  certificatePaths,
  managerUser,
  obsoletePaths,
  remotePaths,
} from '../inventory/remote-paths.js';
import type { DesiredConfiguration, DesiredFile } from './plan.js';
import type { MachineRecord } from '../inventory/machine-record.js';
import { hasEnginePort } from '../inventory/machine-record.js';
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
  /** PEM of the CA that the engine trusts for clients, see engine-authority.ts. */
  readonly engineAnchor: string;
}

const managerFiles = [
  remotePaths.managerSettings,
  remotePaths.managerUnit,
  certificatePaths.manager.cert,
  certificatePaths.manager.key,
  certificatePaths.intermediate.cert,
  certificatePaths.intermediate.key,
  remotePaths.consulToken,
  remotePaths.consulCa,
  remotePaths.consulCert,
  remotePaths.consulKey,
];

const consulAgentFiles = [
  remotePaths.consulSettings,
  remotePaths.consulAgentToken,
  remotePaths.consulAgentCa,
  certificatePaths.consul.cert,
  certificatePaths.consul.key,
  remotePaths.consulUnit,
  remotePaths.consulReloadPath,
  remotePaths.consulReloadUnit,
];

/** Files of the engine's port. */
const enginePortFiles = [
  remotePaths.engineCa,
  certificatePaths.engine.cert,
  certificatePaths.engine.key,
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
  ...enginePortFiles,
  ...managerFiles,
  ...workerFiles,
  ...consulAgentFiles,
  ...obsoletePaths,
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

const machineNote: Decoder<Partial<MachineNote>> = object<Partial<MachineNote>>({
  name: optional(string),
  liveRestore: optional(boolean),
});

/** Whether shoal enabled live-restore, from the content of the machine's note. */
export function enabledLiveRestore(note: string | undefined, machine: string): boolean {
  if (note === undefined) return false;
  const source = `${machine}: ${remotePaths.note}`;
  const remedy = `run "shoal machine provision ${machine}", which writes it again`;
  return decodeJson(note, machineNote, source, remedy).liveRestore === true;
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
    { path: remotePaths.consulAgentCa, content: agent.ca, mode: 0o644 },
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

const file = (path: string, content: string, mode = 0o644): DesiredFile => ({
  path,
  content,
  mode,
});

function engineFiles(want: MachineSpec, input: ConfigureInput): readonly DesiredFile[] {
  const { dropIn, daemonJson } = input.engine;
  return [
    file(dropInPath, dropIn),
    ...(daemonJson === undefined ? [] : [file(daemonJsonPath, daemonJson)]),
    ...(hasEnginePort(want.record) ? [file(remotePaths.engineCa, want.engineAnchor)] : []),
    file(remotePaths.command, shoalCommand, 0o755),
    file(remotePaths.note, `${JSON.stringify(input.note)}\n`),
    ...[...input.issued].map(([name, pem]) => file(certificatePaths[name].cert, pem)),
  ];
}

/** Files of a machine in a cluster, without those of the engine. */
function memberFiles(want: MachineSpec, membership: ClusterMembership): readonly DesiredFile[] {
  const { record } = want;
  const machine = {
    name: record.Name,
    address: record.Driver.IPAddress,
    labels: toLabels(record.HostOptions.EngineOptions.Labels),
  };
  const agent = membership.consulAgent;
  return [
    file(remotePaths.ca, want.ca),
    file(remotePaths.workerSettings, workerSettings(machine, membership), 0o600),
    file(remotePaths.workerUnit, workerUnit),
    file(remotePaths.isolateUnit, isolateUnit),
    file(remotePaths.isolateRules, isolationRules()),
    ...(agent === undefined ? [] : consulAgentWant(agent)),
    ...(membership.role === 'worker'
      ? []
      : [
          ...consulClientFiles(membership.consulFiles),
          file(remotePaths.managerSettings, managerSettings(machine, membership), 0o600),
          file(remotePaths.managerUnit, managerUnit),
        ]),
  ];
}

/** The desired files and units of the machine. */
export function desiredConfiguration(
  want: MachineSpec,
  input: ConfigureInput,
): DesiredConfiguration {
  const { membership } = want;
  const { programChanged } = input;
  const files = engineFiles(want, input);
  const closed = hasEnginePort(want.record) ? [] : enginePortFiles;
  if (membership === undefined) {
    return {
      files,
      absent: [...closed, ...workerFiles, ...managerFiles, ...consulAgentFiles, ...obsoletePaths],
      units: [],
      users: [],
      programChanged,
    };
  }
  const isManager = membership.role === 'manager';
  const hasAgent = membership.consulAgent !== undefined;
  return {
    files: [...files, ...memberFiles(want, membership)],
    absent: [
      ...closed,
      ...(isManager ? [] : managerFiles),
      ...(hasAgent ? [] : consulAgentFiles),
      ...obsoletePaths,
    ],
    units: [
      ...(hasAgent ? (['shoal-consul'] as const) : []),
      ...(isManager ? (['shoal-manager'] as const) : []),
      'shoal-worker',
    ],
    users: isManager ? [managerUser] : [],
    programChanged,
  };
}
