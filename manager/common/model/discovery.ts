import { AppError } from '../base/errors.js';

/** Servers of a cluster's Consul, and the prefix of the cluster's keys in it. */
export interface ConsulAddress {
  readonly servers: readonly { readonly host: string; readonly port: number }[];
  /** Prefix of every key, without leading or trailing slash. */
  readonly prefix: string;
  readonly token?: string | undefined;
  /** PEM texts; TLS is used if present. */
  readonly tls?:
    | { readonly ca: string; readonly cert?: string | undefined; readonly key?: string | undefined }
    | undefined;
}

export const defaultPrefix = 'shoal';
const defaultPort = 8500;

/**
 * Parses `consul://host[:port][,host[:port]…][/prefix]`. Throws `invalid`. The address never
 * contains a token, since settings are shown in lists and logs.
 */
export function parseConsulAddress(text: string): ConsulAddress {
  const match = /^consul:\/\/(?<servers>[^/@?#]+)(?:\/(?<prefix>[^?#]*))?$/.exec(text);
  const list = match?.groups?.servers;
  if (list === undefined) throw malformed(text);
  const prefix = (match?.groups?.prefix ?? '').replace(/^\/+|\/+$/g, '');
  if (!/^[\w.\-/]*$/.test(prefix) || prefix.includes('//')) throw malformed(text);
  return {
    servers: list.split(',').map((server) => parseServer(server, text)),
    prefix: prefix === '' ? defaultPrefix : prefix,
  };
}

function parseServer(server: string, text: string): { host: string; port: number } {
  const match = /^(?:\[(?<v6>[0-9a-fA-F:.]+)\]|(?<host>[\w.-]+))(?::(?<port>\d{1,5}))?$/.exec(
    server,
  );
  const host = match?.groups?.v6 ?? match?.groups?.host;
  const port = Number(match?.groups?.port ?? defaultPort);
  if (host === undefined || port === 0 || port > 65_535) throw malformed(text);
  return { host, port };
}

function malformed(text: string): AppError {
  return new AppError(
    'invalid',
    `discovery must be consul://host:port[,host:port…][/prefix], not ${text.replace(/\/\/.*@/, '//…@')}`,
  );
}
