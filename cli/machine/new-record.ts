import type { ProgressMode } from '../output/progress.js';
import { AppError } from '../../manager/common/base/errors.js';
import { parseConsulAddress } from '../../manager/common/model/discovery.js';
import type { MachineRecord } from '../inventory/record.js';
import { checkMachineName } from '../inventory/record.js';

/** The flags of `create`, as commander gives them. */
export interface CreateFlags {
  /** How the steps are told. */
  readonly progress?: ProgressMode;
  readonly driver: string;
  readonly url?: string | undefined;
  readonly genericIpAddress: readonly string[];
  readonly genericSshUser: string;
  readonly genericSshKey?: string | undefined;
  readonly genericSshPort: number;
  readonly genericEnginePort: number;
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
  /** A backup: the new machine takes over as the manager of the cluster it is of. */
  readonly restore?: string | undefined;
  readonly restoreKey?: string | undefined;
}

/** Where Consul answers that runs on the managers' own machines. */
const ownConsul = 'consul://127.0.0.1:8500';

/** `consul://…` as the flags say; undefined for the store of a manager that is alone. */
export function discoveryOf(flags: CreateFlags): string | undefined {
  if (flags.swarmDiscovery !== '' && flags.swarmDiscovery !== 'embedded') {
    return flags.swarmDiscovery;
  }
  return flags.consulServer === true ? ownConsul : undefined;
}

export const strategies = ['spread', 'binpack', 'random'];

function invalid(message: string): AppError {
  return new AppError('invalid', message);
}

function checkFlags(flags: CreateFlags): void {
  if (flags.driver !== 'generic' && flags.driver !== 'none') {
    throw invalid(
      `driver "${flags.driver}" not found: there are "generic" (a Linux machine with ssh) and "none" (an engine that already listens)`,
    );
  }
  if (!strategies.includes(flags.swarmStrategy)) {
    throw invalid(
      `unknown strategy "${flags.swarmStrategy}" for --swarm-strategy: there are ${strategies.join(', ')}`,
    );
  }
  checkDiscovery(flags);
  checkRestore(flags);
  const label = flags.engineLabel.find((entry) => !/^[^=\s]+=/u.test(entry));
  if (label !== undefined) throw invalid(`--engine-label ${label}: expected KEY=VALUE`);
  const variable = flags.engineEnv.find((entry) => !/^[A-Za-z_]\w*=/u.test(entry));
  if (variable !== undefined) throw invalid(`--engine-env ${variable}: expected KEY=VALUE`);
  const option = flags.engineOpt.find((entry) => !/^[a-z][a-z0-9-]*(?:=|$)/u.test(entry));
  if (option !== undefined)
    throw invalid(`--engine-opt ${option}: expected OPTION or OPTION=VALUE`);
  if (flags.driver === 'none' && (flags.swarm || flags.swarmMaster)) {
    throw invalid('a machine of driver "none" cannot join a cluster: it has no ssh');
  }
}

function checkRestore(flags: CreateFlags): void {
  if (flags.restore !== undefined && !flags.swarmMaster) {
    throw invalid('--restore needs --swarm-master: the first machine becomes the manager');
  }
  if (flags.restoreKey !== undefined && flags.restore === undefined) {
    throw invalid('--restore-key needs --restore');
  }
}

function checkDiscovery(flags: CreateFlags): void {
  const discovery = discoveryOf(flags);
  if (discovery !== undefined && !discovery.startsWith('consul://')) {
    throw invalid(
      `--swarm-discovery ${discovery} is not supported: there are "embedded" and consul://HOST:PORT[,HOST:PORT…][/PREFIX]`,
    );
  }
  if (discovery !== undefined) parseConsulAddress(discovery);
  if (flags.consulServer === true && !flags.swarmMaster) {
    throw invalid('--consul-server comes with --swarm-master: it runs on the machines of managers');
  }
  if (flags.consulBinary !== undefined && !flags.swarmMaster) {
    throw invalid('--consul-binary needs --swarm-master: Consul runs where managers do');
  }
  const { swarmManagers: count } = flags;
  if (count === undefined) return;
  if (!flags.swarmMaster) throw invalid('--swarm-managers needs --swarm-master');
  if (![1, 3, 5].includes(count)) {
    throw invalid(
      `--swarm-managers ${String(count)}: expected 1, 3 or 5, so that a majority is clear`,
    );
  }
  if (count > 1 && discovery === undefined) {
    throw invalid(
      'several managers need a store that they share: --swarm-discovery consul://… or --consul-server',
    );
  }
}

/** Pairs names with addresses; throws with what is missing. */
function addressesFor(names: readonly string[], flags: CreateFlags): readonly string[] {
  if (flags.driver === 'none') {
    if (flags.url === undefined || names.length !== 1) {
      throw invalid('driver "none" needs one name and --url tcp://ADDRESS:PORT');
    }
    return [new URL(flags.url).hostname];
  }
  const addresses = flags.genericIpAddress.filter((address) => address !== '');
  if (addresses.length === 0) {
    throw invalid('driver "generic" needs --generic-ip-address, once for each machine');
  }
  if (addresses.length !== names.length) {
    const counted = `${String(names.length)} names, ${String(addresses.length)} addresses`;
    throw invalid(
      `every machine needs one --generic-ip-address, in the order of names: ${counted}`,
    );
  }
  return addresses;
}

/** Records of machines to be made, in the order of the names. Throws `invalid` for bad input. */
export function newRecords(
  names: readonly string[],
  flags: CreateFlags,
  membership: { readonly cluster: string; readonly newId: () => string } | undefined,
): readonly MachineRecord[] {
  if (names.length === 0) throw invalid('no machine name specified');
  for (const name of names) checkMachineName(name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw invalid(`machine name "${twice}" is given twice`);
  checkFlags(flags);
  const addresses = addressesFor(names, flags);
  const same = addresses.find((address, index) => addresses.indexOf(address) !== index);
  if (same !== undefined) throw invalid(`address ${same} is given twice`);
  const managers = flags.swarmManagers ?? 1;
  if (managers > names.length) {
    throw invalid(`--swarm-managers ${String(managers)}: only ${String(names.length)} machines`);
  }
  return names.map((name, index): MachineRecord => {
    const isMaster = membership !== undefined && flags.swarmMaster && index < managers;
    return {
      ConfigVersion: 3,
      Name: name,
      DriverName: flags.driver === 'none' ? 'none' : 'generic',
      Driver: {
        IPAddress: addresses[index] ?? '',
        MachineName: name,
        SSHUser: flags.genericSshUser,
        SSHPort: flags.genericSshPort,
        SSHKeyPath: '',
        SSHHostKey: '',
        EnginePort: flags.genericEnginePort,
        SwarmMaster: isMaster,
      },
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
          Discovery: membership === undefined ? '' : (discoveryOf(flags) ?? 'embedded'),
          Strategy: flags.swarmStrategy,
          Cluster: membership?.cluster ?? '',
          NodeID: membership?.newId() ?? '',
        },
        AuthOptions: { ServerCertSANs: flags.tlsSan },
      },
      Provisioned: flags.driver === 'none',
      URL: flags.url ?? '',
    };
  });
}
