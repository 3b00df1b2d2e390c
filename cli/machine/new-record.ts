import type { ProgressMode } from '../output/progress.js';
import { AppError } from '../../manager/common/base/errors.js';
import { parseConsulAddress } from '../../manager/common/model/discovery.js';
import type { PlacementStrategy } from '../../manager/common/settings/manager-settings.js';
import { placementStrategies } from '../../manager/common/settings/manager-settings.js';
import type { MachineRecord } from '../inventory/machine-record.js';
import { checkMachineName, hasControlCharacter } from '../inventory/machine-record.js';

/** The flags of `create`, as commander gives them. */
export interface CreateFlags {
  /** --progress. */
  readonly progress?: ProgressMode;
  readonly driver: string;
  readonly url?: string | undefined;
  readonly genericIpAddress: readonly string[];
  /** Default: the user of ssh's configuration, else root. */
  readonly genericSshUser?: string | undefined;
  readonly genericSshKey?: string | undefined;
  /** Default: the port of ssh's configuration. */
  readonly genericSshPort?: number | undefined;
  /** Fingerprints or public keys; any of them is accepted. */
  readonly genericSshHostKey?: readonly string[] | undefined;
  readonly genericSshStrictHostKeyChecking?: string | undefined;
  readonly genericEnginePort: number;
  /** False with --no-engine-port. */
  readonly enginePort?: boolean | undefined;
  readonly engineLabel: readonly string[];
  readonly engineOpt: readonly string[];
  readonly engineEnv: readonly string[];
  readonly engineInsecureRegistry: readonly string[];
  readonly engineRegistryMirror: readonly string[];
  readonly engineStorageDriver: string;
  readonly tlsSan: readonly string[];
  readonly swarm: boolean;
  readonly swarmMaster: boolean;
  readonly swarmStrategy: string;
  readonly swarmDiscovery: string;
  readonly swarmManagers?: number | undefined;
  readonly consulServer?: boolean | undefined;
  readonly consulBinary?: string | undefined;
  readonly consulToken?: string | undefined;
  readonly consulCa?: string | undefined;
  readonly consulCert?: string | undefined;
  readonly consulKey?: string | undefined;
  /** Path of a backup: the new machine becomes the manager of the backed-up cluster. */
  readonly restore?: string | undefined;
  readonly restoreKey?: string | undefined;
}

/** Address of a Consul agent on the manager's own machine (--consul-server). */
const ownConsul = 'consul://127.0.0.1:8500';

/** The `consul://…` address the flags select; undefined for the embedded store. */
export function discoveryFromFlags(
  flags: Pick<CreateFlags, 'swarmDiscovery' | 'consulServer'>,
): string | undefined {
  if (flags.swarmDiscovery !== '' && flags.swarmDiscovery !== 'embedded') {
    return flags.swarmDiscovery;
  }
  return flags.consulServer === true ? ownConsul : undefined;
}

/** The strategy of --swarm-strategy. Throws `invalid` for an unknown one. */
export function strategyFromFlags({ swarmStrategy }: CreateFlags): PlacementStrategy {
  const found = placementStrategies.find((strategy) => strategy === swarmStrategy);
  if (found !== undefined) return found;
  throw invalid(
    `--swarm-strategy: unknown strategy "${swarmStrategy}"; available: ${placementStrategies.join(', ')}`,
  );
}

function invalid(message: string): AppError {
  return new AppError('invalid', message);
}

function checkFlags(flags: CreateFlags): void {
  if (flags.driver !== 'generic' && flags.driver !== 'none') {
    throw invalid(
      `driver "${flags.driver}" not found; available: "generic" (a Linux machine with ssh), "none" (an engine that already listens)`,
    );
  }
  strategyFromFlags(flags);
  checkDiscovery(flags);
  checkRestore(flags);
  checkControlCharacters(flags);
  const label = flags.engineLabel.find((entry) => !/^[^=\s]+=/u.test(entry));
  if (label !== undefined) throw invalid(`--engine-label ${label}: expected KEY=VALUE`);
  const variable = flags.engineEnv.find((entry) => !/^[A-Za-z_]\w*=/u.test(entry));
  if (variable !== undefined) throw invalid(`--engine-env ${variable}: expected KEY=VALUE`);
  const option = flags.engineOpt.find((entry) => !/^[a-z][a-z0-9-]*(?:=|$)/u.test(entry));
  if (option !== undefined)
    throw invalid(`--engine-opt ${option}: expected OPTION or OPTION=VALUE`);
  if (flags.driver === 'none' && flags.enginePort === false) {
    throw invalid('--no-engine-port requires driver "generic"');
  }
  if (flags.driver === 'none' && (flags.swarm || flags.swarmMaster)) {
    throw invalid('a machine of driver "none" cannot join a cluster: it has no ssh');
  }
}

/** These values are written to units and configuration files. */
function checkControlCharacters(flags: CreateFlags): void {
  const values = {
    'engine-label': flags.engineLabel,
    'engine-env': flags.engineEnv,
    'engine-opt': flags.engineOpt,
    'engine-insecure-registry': flags.engineInsecureRegistry,
    'engine-registry-mirror': flags.engineRegistryMirror,
    'engine-storage-driver': [flags.engineStorageDriver],
    'tls-san': flags.tlsSan,
  };
  for (const [flag, texts] of Object.entries(values)) {
    const bad = texts.find(hasControlCharacter);
    if (bad === undefined) continue;
    // The value of a variable may be a secret.
    const name = (bad.split('=')[0] ?? '').replaceAll(/\p{Cc}/gu, '?');
    throw invalid(`--${flag} ${name}: has a control character; remove it`);
  }
}

function checkRestore(flags: CreateFlags): void {
  if (flags.restore !== undefined && !flags.swarmMaster) {
    throw invalid('--restore requires --swarm-master: the first machine becomes the manager');
  }
  if (flags.restoreKey !== undefined && flags.restore === undefined) {
    throw invalid('--restore-key requires --restore');
  }
}

function checkDiscovery(flags: CreateFlags): void {
  const discovery = discoveryFromFlags(flags);
  if (discovery !== undefined && !discovery.startsWith('consul://')) {
    throw invalid(
      `--swarm-discovery ${discovery} is not supported; use "embedded" or consul://HOST:PORT[,HOST:PORT…][/PREFIX]`,
    );
  }
  if (discovery !== undefined) parseConsulAddress(discovery);
  if (flags.consulServer === true && !flags.swarmMaster) {
    throw invalid('--consul-server requires --swarm-master: Consul runs on manager machines');
  }
  if (flags.consulBinary !== undefined && !flags.swarmMaster) {
    throw invalid('--consul-binary requires --swarm-master: Consul runs on manager machines');
  }
  const { swarmManagers: count } = flags;
  if (count === undefined) return;
  if (!flags.swarmMaster) throw invalid('--swarm-managers requires --swarm-master');
  if (![1, 3, 5].includes(count)) {
    throw invalid(
      `--swarm-managers ${String(count)}: expected 1, 3 or 5, an odd number for a majority`,
    );
  }
  if (count > 1 && discovery === undefined) {
    throw invalid(
      'several managers require a shared store; set --swarm-discovery consul://… or --consul-server',
    );
  }
}

/** One address for each name, in order; throws `invalid` if the counts differ. */
function addressesFor(names: readonly string[], flags: CreateFlags): readonly string[] {
  if (flags.driver === 'none') {
    if (flags.url === undefined || names.length !== 1) {
      throw invalid('driver "none" requires one name and --url tcp://ADDRESS:PORT');
    }
    return [new URL(flags.url).hostname];
  }
  const addresses = flags.genericIpAddress.filter((address) => address !== '');
  if (addresses.length === 0) {
    throw invalid('driver "generic" requires --generic-ip-address, once for each machine');
  }
  if (addresses.length !== names.length) {
    const counted = `${String(names.length)} names, ${String(addresses.length)} addresses`;
    throw invalid(
      `--generic-ip-address: expected one for each machine, in the order of the names: ${counted}`,
    );
  }
  return addresses;
}

/** How ssh reaches a value of --generic-ip-address. */
export interface SshPlace {
  /** Address of the machine; differs from the value if that is a Host of ssh's configuration. */
  readonly address: string;
  readonly user: string;
  readonly port: number;
}

/**
 * Records of the machines to create, in the order of the names. `places` are by value of
 * --generic-ip-address. Throws `invalid` for bad input.
 */
export function newRecords(
  names: readonly string[],
  flags: CreateFlags,
  membership: Membership,
  places: ReadonlyMap<string, SshPlace> = new Map(),
): readonly MachineRecord[] {
  if (names.length === 0) throw invalid('no machine name specified');
  for (const name of names) checkMachineName(name);
  const duplicate = names.find((name, index) => names.indexOf(name) !== index);
  if (duplicate !== undefined) throw invalid(`machine name "${duplicate}" is given twice`);
  checkFlags(flags);
  const addresses = addressesFor(names, flags);
  const reached = addresses.map((given) => places.get(given)?.address ?? given);
  const shared = reached.find((address, index) => reached.indexOf(address) !== index);
  if (shared !== undefined) throw invalid(`address ${shared} is given twice`);
  const managers = flags.swarmManagers ?? 1;
  if (managers > names.length) {
    throw invalid(`--swarm-managers ${String(managers)}: only ${String(names.length)} machines`);
  }
  return names.map((name, index) => {
    const given = addresses[index] ?? '';
    const isMaster = membership !== undefined && flags.swarmMaster && index < managers;
    const machine = { name, given, isMaster, place: places.get(given) };
    return newRecord(machine, flags, membership);
  });
}

function driverOf(
  { name, given, place, isMaster }: NewMachine,
  flags: CreateFlags,
): MachineRecord['Driver'] {
  const address = place?.address ?? given;
  return {
    IPAddress: address,
    MachineName: name,
    ...(given === address ? {} : { SSHHost: given }),
    SSHUser: flags.genericSshUser ?? place?.user ?? 'root',
    SSHPort: flags.genericSshPort ?? place?.port ?? 22,
    SSHKeyPath: '',
    SSHHostKey: '',
    EnginePort: flags.genericEnginePort,
    ...(flags.enginePort === false ? { EnginePortClosed: true } : {}),
    SwarmMaster: isMaster,
  };
}

interface NewMachine {
  readonly name: string;
  /** Value of --generic-ip-address. */
  readonly given: string;
  readonly place: SshPlace | undefined;
  readonly isMaster: boolean;
}

type Membership = { readonly cluster: string; readonly newId: () => string } | undefined;

function newRecord(machine: NewMachine, flags: CreateFlags, membership: Membership): MachineRecord {
  const { name, isMaster } = machine;
  return {
    ConfigVersion: 3,
    Name: name,
    DriverName: flags.driver === 'none' ? 'none' : 'generic',
    Driver: driverOf(machine, flags),
    HostOptions: {
      EngineOptions: {
        ArbitraryFlags: flags.engineOpt,
        Env: flags.engineEnv,
        InsecureRegistry: flags.engineInsecureRegistry,
        Labels: flags.engineLabel,
        RegistryMirror: flags.engineRegistryMirror,
        StorageDriver: flags.engineStorageDriver,
        TlsVerify: true,
      },
      SwarmOptions: {
        IsSwarm: membership !== undefined,
        Master: isMaster,
        Discovery: membership === undefined ? '' : (discoveryFromFlags(flags) ?? 'embedded'),
        Strategy: flags.swarmStrategy,
        Cluster: membership?.cluster ?? '',
        NodeID: membership?.newId() ?? '',
      },
      AuthOptions: { ServerCertSANs: flags.tlsSan },
    },
    Provisioned: flags.driver === 'none',
    URL: flags.url ?? '',
  };
}
