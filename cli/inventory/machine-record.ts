import { AppError } from '../../manager/common/base/errors.js';

/*
 * The record of a machine, `machines/NAME/config.json`, with the field names of docker-machine's
 * `inspect`. Paths are relative to the store, so that a store can be copied to another user or
 * computer.
 */

export interface DriverRecord {
  readonly IPAddress: string;
  readonly MachineName: string;
  readonly SSHUser: string;
  readonly SSHPort: number;
  /** Relative to the store; empty for the ssh agent or the user's default key. */
  readonly SSHKeyPath: string;
  /** Fingerprint pinned on first connection; empty before. */
  readonly SSHHostKey: string;
  readonly EnginePort: number;
  readonly SwarmMaster: boolean;
}

export interface EngineOptions {
  /** `OPTION` or `OPTION=VALUE` of --engine-opt. */
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
  /** False until provisioning has completed; `provision` resumes it. */
  readonly Provisioned: boolean;
  /** Only for the `none` driver. */
  readonly URL: string;
}

/**
 * Throws `invalid` for a bad machine name. docker-machine allows letters, digits, dots and hyphens;
 * a DNS label has at most 63 characters.
 */
export function checkMachineName(name: string): void {
  if (name === '') throw new AppError('invalid', 'no machine name specified');
  if (!/^[0-9A-Za-z][0-9A-Za-z.-]{0,62}$/u.test(name)) {
    throw new AppError(
      'invalid',
      `invalid machine name "${name}": allowed are 0-9 a-z A-Z . - (at most 63, starting with a letter or digit)`,
    );
  }
}

/** `tcp://ADDRESS:PORT` of the machine's engine. */
export function engineUrl(record: MachineRecord): string {
  if (record.DriverName === 'none') return record.URL;
  return `tcp://${bracketIpv6(record.Driver.IPAddress)}:${String(record.Driver.EnginePort)}`;
}

/** Wraps an IPv6 address in brackets, as required before a port. */
export function bracketIpv6(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}

/** Parses a machine record; throws `invalid` with the path if it is damaged. */
export function parseMachineRecord(text: string, path: string): MachineRecord {
  const broken = (why: string, cause?: unknown): AppError =>
    new AppError('invalid', `machine record ${path} is damaged: ${why}`, { cause });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw broken('not JSON', error);
  }
  const record = value as Partial<MachineRecord> | null;
  if (typeof record !== 'object' || record === null) throw broken('not an object');
  if (record.ConfigVersion !== 3) throw broken('ConfigVersion is not 3');
  const { Driver: driver } = record;
  if (!isString(record.Name) || !isString(driver?.IPAddress) || !isString(driver.SSHUser)) {
    throw broken('Name, Driver.IPAddress or Driver.SSHUser is missing');
  }
  if (record.HostOptions === undefined) throw broken('HostOptions is missing');
  return record as MachineRecord;
}
