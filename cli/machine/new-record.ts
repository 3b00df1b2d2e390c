import { AppError } from '../../manager/base/errors.js';
import type { MachineRecord } from './record.js';
import { checkMachineName } from './record.js';

/** The flags of `create`, as commander gives them. */
export interface CreateFlags {
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
  if (flags.swarmDiscovery !== '' && flags.swarmDiscovery !== 'embedded') {
    throw invalid(
      `--swarm-discovery ${flags.swarmDiscovery} is not supported: the only store is "embedded"`,
    );
  }
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
  return names.map((name, index): MachineRecord => {
    const isMaster = membership !== undefined && flags.swarmMaster && index === 0;
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
          Discovery: membership === undefined ? '' : 'embedded',
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
