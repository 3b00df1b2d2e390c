import { AppError } from '../../manager/common/base/errors.js';

/*
 * The record of one machine, in the field names docker-machine's `inspect` prints. Paths in it are
 * relative to the store, so that a store can be copied to another user or computer.
 */

export interface DriverRecord {
  readonly IPAddress: string;
  readonly MachineName: string;
  readonly SSHUser: string;
  readonly SSHPort: number;
  /** Relative to the store; empty when the agent is used. */
  readonly SSHKeyPath: string;
  /** Fingerprint pinned at first contact; empty before. */
  readonly SSHHostKey: string;
  readonly EnginePort: number;
  readonly SwarmMaster: boolean;
}

export interface EngineOptions {
  /** `key=value` of --engine-opt. */
  readonly ArbitraryFlags: readonly string[];
  readonly Env: readonly string[];
  readonly InsecureRegistry: readonly string[];
  readonly Labels: readonly string[];
  readonly RegistryMirror: readonly string[];
  readonly StorageDriver: string;
  readonly TlsVerify: true;
}

export interface SwarmOptions {
  readonly IsSwarm: boolean;
  readonly Master: boolean;
  readonly Discovery: string;
  readonly Strategy: string;
  readonly Cluster: string;
  readonly NodeID: string;
}

export interface MachineRecord {
  readonly ConfigVersion: 3;
  readonly Name: string;
  readonly DriverName: 'generic' | 'none';
  readonly Driver: DriverRecord;
  readonly HostOptions: {
    readonly EngineOptions: EngineOptions;
    readonly SwarmOptions: SwarmOptions;
    readonly AuthOptions: { readonly ServerCertSANs: readonly string[] };
  };
  /** False from the first step of provisioning to its last: `provision` continues. */
  readonly Provisioned: boolean;
  /** Only of the `none` driver. */
  readonly URL: string;
}

/** docker-machine allows letters, digits, dots and hyphens; a label of a DNS name has 63 at most. */
export function checkMachineName(name: string): void {
  if (name === '') throw new AppError('invalid', 'no machine name specified');
  if (!/^[0-9A-Za-z][0-9A-Za-z.-]{0,62}$/u.test(name)) {
    throw new AppError(
      'invalid',
      `invalid machine name "${name}": allowed are 0-9 a-z A-Z . - (63 at most, first a letter or digit)`,
    );
  }
}

/** `tcp://ADDRESS:PORT` of the machine's engine. */
export function engineUrl(record: MachineRecord): string {
  if (record.DriverName === 'none') return record.URL;
  return `tcp://${bracketed(record.Driver.IPAddress)}:${String(record.Driver.EnginePort)}`;
}

/** IPv6 addresses stand in brackets before a port. */
export function bracketed(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

/** Reads a record back; throws `invalid` for what is not one. */
export function parseRecord(text: string, path: string): MachineRecord {
  const broken = (why: string, cause?: unknown): AppError =>
    new AppError('invalid', `machine record ${path} is damaged: ${why}`, { cause });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw broken('no JSON', error);
  }
  const record = value as Partial<MachineRecord> | null;
  if (typeof record !== 'object' || record === null) throw broken('no object');
  if (record.ConfigVersion !== 3) throw broken('ConfigVersion is not 3');
  const { Driver: driver } = record;
  if (!isText(record.Name) || !isText(driver?.IPAddress) || !isText(driver.SSHUser)) {
    throw broken('Name, Driver.IPAddress or Driver.SSHUser is missing');
  }
  if (record.HostOptions === undefined) throw broken('HostOptions is missing');
  return record as MachineRecord;
}
