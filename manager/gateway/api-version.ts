import { AppError } from '../common/base/errors.js';

/** Supported versions of the Docker Engine API: 1.<minor>. */
export const newestApiMinor = 45;
export const oldestApiMinor = 24;
export const apiVersion = `1.${String(newestApiMinor)}`;
export const minApiVersion = `1.${String(oldestApiMinor)}`;

export interface RequestTarget {
  /** Path without the version prefix, e.g. `/containers/json`. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Minor version of the API that the client uses: 1.<minor>. */
  readonly apiMinor: number;
}

/**
 * Parses a request URL with or without a version prefix. Throws `invalid` for an unsupported
 * version, with the Docker Engine's message: clients match on it.
 */
export function parseTarget(url: string): RequestTarget {
  const at = url.indexOf('?');
  const whole = at === -1 ? url : url.slice(0, at);
  const query = new URLSearchParams(at === -1 ? '' : url.slice(at + 1));
  const versioned = /^\/v(\d+)\.(\d+)(\/.*)$/u.exec(whole);
  if (versioned === null) return { path: decoded(whole), query, apiMinor: newestApiMinor };
  const [, major, minor, path = '/'] = versioned;
  const apiMinor = major === '1' ? Number(minor) : Infinity;
  const message = `client version ${major ?? ''}.${minor ?? ''} is too`;
  if (apiMinor > newestApiMinor) {
    throw new AppError('invalid', `${message} new. Maximum supported API version is ${apiVersion}`);
  }
  if (apiMinor < oldestApiMinor) {
    throw new AppError(
      'invalid',
      `${message} old. Minimum supported API version is ${minApiVersion}, please upgrade your client to a newer version`,
    );
  }
  return { path: decoded(path), query, apiMinor };
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch (error) {
    throw new AppError('invalid', `path ${path}: invalid percent-encoding`, { cause: error });
  }
}
