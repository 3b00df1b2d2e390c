import { AppError } from '../base/errors.js';

/** Where a cluster's Consul is and where in it the cluster's keys lie. */
export interface ConsulAddress {
  readonly servers: readonly { readonly host: string; readonly port: number }[];
  /** First part of every key, without slashes at its ends. */
  readonly prefix: string;
  readonly token?: string | undefined;
  /** PEM texts; TLS is spoken when there is any. */
  readonly tls?:
    | { readonly ca: string; readonly cert?: string | undefined; readonly key?: string | undefined }
    | undefined;
}

export const defaultPrefix = 'shoal';
const defaultPort = 8500;

/**
 * Reads `consul://host[:port][,host[:port]…][/prefix]`. Throws `invalid`. A token never stands in it: what
 * is in settings is shown in lists and logs.
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
