import { readFile } from 'node:fs/promises';
import { AppError, messageOf } from './common/base/errors.js';

export interface ManagerSettings {
  readonly clusterId: string;
  readonly clusterName: string;
  readonly nodeId: string;
  /** Listening address. */
  readonly listen: { readonly host: string; readonly port: number };
  /** Address (`host:port`) at which workers, clients and managers reach this manager. */
  readonly advertise: string;
  /** Address for metrics over plain HTTP; not served if absent. */
  readonly metricsListen?: { readonly host: string; readonly port: number };
  readonly dataDir: string;
  /** `consul://host:port[,host:port…][/prefix]`; without it the store is embedded, in `dataDir`. */
  readonly discovery?: string;
  /** Paths of Consul's token file and of PEM files for TLS to Consul. */
  readonly consul?: {
    readonly tokenFile?: string;
    readonly tls?: { readonly ca: string; readonly cert?: string; readonly key?: string };
  };
  /** Paths of PEM files. */
  readonly pki: {
    readonly ca: string;
    readonly cert: string;
    readonly key: string;
    /** Intermediate CA used for signing. */
    readonly intermediate?: { readonly cert: string; readonly key: string };
  };
  readonly strategy: 'spread' | 'binpack' | 'random';
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
}

type Fields = Readonly<Record<string, unknown>>;

/** Reads the settings file. Rejects with `invalid`, naming file and key. */
export async function loadManagerSettings(path: string): Promise<ManagerSettings> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new AppError('invalid', `settings of the manager: cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
  return parseManagerSettings(text, path);
}

export function parseManagerSettings(text: string, path: string): ManagerSettings {
  const fields = fieldsOf(parseJson(text, path), path, 'the file');
  const pki = fieldsOf(fields.pki, path, 'pki');
  return {
    clusterId: textOf(fields, 'clusterId', path),
    clusterName: textOf(fields, 'clusterName', path),
    nodeId: textOf(fields, 'nodeId', path),
    listen: addressOf(textOf(fields, 'listen', path), path),
    advertise: textOf(fields, 'advertise', path),
    ...(fields.metricsListen === undefined
      ? {}
      : { metricsListen: addressOf(textOf(fields, 'metricsListen', path), path) }),
    dataDir: textOf(fields, 'dataDir', path),
    ...discoveryOf(fields, path),
    pki: {
      ca: textOf(pki, 'ca', path),
      cert: textOf(pki, 'cert', path),
      key: textOf(pki, 'key', path),
      ...(pki.intermediate === undefined
        ? {}
        : { intermediate: pairOf(pki.intermediate, path, 'pki.intermediate') }),
    },
    strategy: choiceOf(fields, 'strategy', ['spread', 'binpack', 'random'] as const, path),
    logLevel: choiceOf(fields, 'logLevel', ['info', 'debug', 'warn', 'error'] as const, path),
  };
}

function discoveryOf(fields: Fields, path: string): Pick<ManagerSettings, 'discovery' | 'consul'> {
  if (fields.discovery === undefined || fields.discovery === 'embedded') return {};
  const discovery = textOf(fields, 'discovery', path);
  if (fields.consul === undefined) return { discovery };
  const consul = fieldsOf(fields.consul, path, 'consul');
  const tokenFile = optionalTextOf(consul, 'tokenFile', path);
  if (consul.tls === undefined) return { discovery, consul: { ...tokenFile } };
  const tls = fieldsOf(consul.tls, path, 'consul.tls');
  const files = { ...optionalTextOf(tls, 'cert', path), ...optionalTextOf(tls, 'key', path) };
  return {
    discovery,
    consul: { ...tokenFile, tls: { ca: textOf(tls, 'ca', path), ...files } },
  };
}

function optionalTextOf<Key extends string>(
  fields: Fields,
  key: Key,
  path: string,
): Partial<Record<Key, string>> {
  if (fields[key] === undefined) return {};
  return { [key]: textOf(fields, key, path) } as Partial<Record<Key, string>>;
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new AppError('invalid', `${path}: not valid JSON: ${messageOf(error)}`, { cause: error });
  }
}

function fieldsOf(value: unknown, path: string, what: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw new AppError('invalid', `${path}: ${what} must be an object`);
}

function textOf(fields: Fields, key: string, path: string): string {
  const value = fields[key];
  if (typeof value === 'string' && value !== '') return value;
  throw new AppError('invalid', `${path}: ${key} must be a non-empty string`);
}

function pairOf(
  value: unknown,
  path: string,
  what: string,
): { readonly cert: string; readonly key: string } {
  const fields = fieldsOf(value, path, what);
  return { cert: textOf(fields, 'cert', path), key: textOf(fields, 'key', path) };
}

/** Reads an enumerated value; the first choice is the default. */
function choiceOf<Choice extends string>(
  fields: Fields,
  key: string,
  choices: readonly [Choice, ...Choice[]],
  path: string,
): Choice {
  const value = fields[key] ?? choices[0];
  const found = choices.find((choice) => choice === value);
  if (found !== undefined) return found;
  throw new AppError('invalid', `${path}: ${key} must be one of ${choices.join(', ')}`);
}

/** Parses `host:port`; an IPv6 host is in brackets. */
function addressOf(text: string, path: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[(?<v6>[0-9a-fA-F:.]+)\]|(?<host>[^:]+)):(?<port>\d{1,5})$/.exec(text);
  const port = Number(match?.groups?.port);
  const host = match?.groups?.v6 ?? match?.groups?.host;
  if (host === undefined || port > 65_535) {
    throw new AppError('invalid', `${path}: address "${text}" must be HOST:PORT`);
  }
  return { host, port };
}
