import type { Decoder } from '../../manager/common/base/decode.js';
import {
  array,
  boolean,
  count,
  decodeJson,
  nonEmptyString,
  object,
  oneOf,
  optional,
  string,
} from '../../manager/common/base/decode.js';
import { AppError } from '../../manager/common/base/errors.js';

/*
 * The record of a machine, `machines/NAME/config.json`, with the field names of docker-machine's
 * `inspect`. Paths are relative to the store, so that a store can be copied to another user or
 * computer.
 */

export interface DriverRecord {
  readonly IPAddress: string;
  readonly MachineName: string;
  /** Host of ssh's configuration by which the machine is reached; defaults to IPAddress. */
  readonly SSHHost?: string;
  readonly SSHUser: string;
  readonly SSHPort: number;
  /** Relative to the store; empty for the ssh agent or the user's default key. */
  readonly SSHKeyPath: string;
  /** Fingerprint pinned on first connection; empty before. */
  readonly SSHHostKey: string;
  /** The key of that fingerprint, `type blob`; absent in records of earlier versions. */
  readonly SSHPublicHostKey?: string;
  readonly EnginePort: number;
  /** True if the engine listens on its socket only (--no-engine-port). */
  readonly EnginePortClosed?: boolean;
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

export interface AuthOptions {
  readonly ServerCertSANs: readonly string[];
  /**
   * Id of the CA that the engine trusts for clients, see engine-authority.ts; undefined while it
   * trusts the user's CA, as earlier versions set it up.
   */
  readonly EngineAnchor?: string;
}

export interface MachineRecord {
  readonly ConfigVersion: 3;
  readonly Name: string;
  readonly DriverName: 'generic' | 'none';
  readonly Driver: DriverRecord;
  readonly HostOptions: {
    readonly EngineOptions: EngineOptions;
    readonly SwarmOptions: SwarmOptions;
    readonly AuthOptions: AuthOptions;
  };
  /** False until provisioning has completed; `provision` resumes it. */
  readonly Provisioned: boolean;
  /** Only for the `none` driver. */
  readonly URL: string;
}

/** True for a text that could end a line of a configuration file. */
export function hasControlCharacter(text: string): boolean {
  return /\p{Cc}/u.test(text);
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

/** True if the machine's engine listens on a port, not on its socket only. */
export function hasEnginePort({ Driver }: Pick<MachineRecord, 'Driver'>): boolean {
  return Driver.EnginePortClosed !== true;
}

/** The record with the engine's port open or closed; the engine changes when it is provisioned. */
export function withEnginePort(record: MachineRecord, open: boolean): MachineRecord {
  const { EnginePortClosed: _, ...Driver } = record.Driver;
  return { ...record, Driver: open ? Driver : { ...Driver, EnginePortClosed: true } };
}

/** Error for a call to the port of an engine that has none; says what to do instead. */
export function enginePortClosedError({ Name: name }: MachineRecord): AppError {
  return new AppError(
    'unsupported',
    `machine "${name}": the port of its engine is closed; use "shoal machine ssh ${name}" or, for its cluster, "shoal env"; "shoal machine provision --engine-port ${name}" opens it`,
  );
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

const driverDecoder: Decoder<DriverRecord> = object<DriverRecord>({
  IPAddress: string,
  MachineName: string,
  SSHHost: optional(nonEmptyString),
  SSHUser: string,
  SSHPort: count,
  SSHKeyPath: string,
  SSHHostKey: string,
  SSHPublicHostKey: optional(nonEmptyString),
  EnginePort: count,
  EnginePortClosed: optional(boolean),
  SwarmMaster: boolean,
});

const engineDecoder: Decoder<EngineOptions> = object({
  ArbitraryFlags: array(string),
  Env: array(string),
  InsecureRegistry: array(string),
  Labels: array(string),
  RegistryMirror: array(string),
  StorageDriver: string,
  TlsVerify: oneOf(true),
});

const swarmDecoder: Decoder<SwarmOptions> = object({
  IsSwarm: boolean,
  Master: boolean,
  Discovery: string,
  Strategy: string,
  Cluster: string,
  NodeID: string,
});

const decoder: Decoder<MachineRecord> = object({
  ConfigVersion: oneOf(3),
  Name: nonEmptyString,
  DriverName: oneOf('generic', 'none'),
  Driver: driverDecoder,
  HostOptions: object({
    EngineOptions: engineDecoder,
    SwarmOptions: swarmDecoder,
    AuthOptions: object<AuthOptions>({
      ServerCertSANs: array(string),
      EngineAnchor: optional(nonEmptyString),
    }),
  }),
  Provisioned: boolean,
  URL: string,
});

/** Parses a machine record; throws `invalid` with path and key if it is damaged. */
export function parseMachineRecord(content: string, path: string): MachineRecord {
  return decodeJson(content, decoder, `machine record ${path}`);
}
