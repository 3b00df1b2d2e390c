import type { Fields } from '../base/decode.js';
import {
  exactObject,
  isFields,
  mapped,
  mustBe,
  nonEmptyString,
  oneOf,
  optional,
  orElse,
} from '../base/decode.js';
import type { SettingsFormat } from './version.js';
import { decodeSettings, encodeSettings } from './version.js';

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

interface ConsulTlsPaths {
  readonly ca: string;
  readonly cert?: string;
  readonly key?: string;
}

interface ConsulCredentialPaths {
  readonly tokenFile?: string;
  readonly tls?: ConsulTlsPaths;
}

/** Paths of PEM files. */
interface ManagerPkiPaths {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  /** Intermediate CA used for signing. */
  readonly intermediate?: { readonly cert: string; readonly key: string };
}

/** Settings of a manager, `manager.json`. */
export interface ManagerSettings {
  readonly clusterId: string;
  readonly clusterName: string;
  readonly nodeId: string;
  readonly listen: ListenAddress;
  /** Address (`host:port`) at which workers, clients and managers reach this manager. */
  readonly advertise: string;
  /** Address for metrics over plain HTTP; not served if absent. */
  readonly metricsListen?: ListenAddress;
  /** Unix socket of the Docker API, for this machine's users; not served if absent. */
  readonly dockerSocket?: string;
  readonly dataDir: string;
  /** `consul://host:port[,host:port…][/prefix]`; without it the store is embedded, in `dataDir`. */
  readonly discovery?: string;
  /** Paths of Consul's token file and of PEM files for TLS to Consul. */
  readonly consul?: ConsulCredentialPaths;
  readonly pki: ManagerPkiPaths;
  readonly strategy: PlacementStrategy;
  readonly logLevel: (typeof logLevels)[number];
}

export const placementStrategies = ['spread', 'binpack', 'random'] as const;
export type PlacementStrategy = (typeof placementStrategies)[number];
export const logLevels = ['debug', 'info', 'warn', 'error'] as const;

/** `host:port`; an IPv6 host is in brackets. */
const listenAddress = mapped(nonEmptyString, (address, at): ListenAddress => {
  const match = /^(?:\[(?<v6>[0-9a-fA-F:.]+)\]|(?<host>[^:[\]]+)):(?<port>\d{1,5})$/.exec(address);
  const port = Number(match?.groups?.port);
  const host = match?.groups?.v6 ?? match?.groups?.host;
  if (host !== undefined && port <= 65_535) return { host, port };
  throw mustBe(at, `HOST:PORT, not "${address}"`);
});

function formatAddress({ host, port }: ListenAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

const schema = exactObject<ManagerSettings>({
  clusterId: nonEmptyString,
  clusterName: nonEmptyString,
  nodeId: nonEmptyString,
  listen: listenAddress,
  advertise: nonEmptyString,
  metricsListen: optional(listenAddress),
  dockerSocket: optional(nonEmptyString),
  dataDir: nonEmptyString,
  discovery: optional(nonEmptyString),
  consul: optional(
    exactObject<ConsulCredentialPaths>({
      tokenFile: optional(nonEmptyString),
      tls: optional(
        exactObject<ConsulTlsPaths>({
          ca: nonEmptyString,
          cert: optional(nonEmptyString),
          key: optional(nonEmptyString),
        }),
      ),
    }),
  ),
  pki: exactObject<ManagerPkiPaths>({
    ca: nonEmptyString,
    cert: nonEmptyString,
    key: nonEmptyString,
    intermediate: optional(exactObject({ cert: nonEmptyString, key: nonEmptyString })),
  }),
  strategy: orElse(oneOf(...placementStrategies), 'spread'),
  logLevel: orElse(oneOf(...logLevels), 'info'),
});

/** Version 1 named the embedded store, and had a certificate for engines that nothing read. */
function fromVersion1({ discovery, pki, ...rest }: Fields): Fields {
  const { engineClient: _unread, ...known } = isFields(pki) ? pki : {};
  return {
    ...rest,
    ...(discovery === 'embedded' ? {} : { discovery }),
    pki: isFields(pki) ? known : pki,
  };
}

const format: SettingsFormat<ManagerSettings> = { schema, migrations: [fromVersion1] };

/** Throws `invalid` that names file and key. */
export function decodeManagerSettings(text: string, path: string): ManagerSettings {
  return decodeSettings(format, text, path);
}

export function encodeManagerSettings(settings: ManagerSettings): string {
  const { listen, metricsListen, ...rest } = settings;
  return encodeSettings(format, {
    ...rest,
    listen: formatAddress(listen),
    ...(metricsListen === undefined ? {} : { metricsListen: formatAddress(metricsListen) }),
  });
}
