import { AppError } from '../common/base/errors.js';

/** The Engine API that is served: 1.<n>. */
export const newestApiMinor = 45;
export const oldestApiMinor = 24;
export const apiVersion = `1.${String(newestApiMinor)}`;
export const minApiVersion = `1.${String(oldestApiMinor)}`;

export interface Target {
  /** Without the version: `/containers/json`. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** What the client speaks: 1.<n>. */
  readonly apiMinor: number;
}

/**
 * What a request line names, with a version before it or without. Throws `invalid` for a version that is
 * not served, in the engine's words: clients match on them.
 */
export function parseTarget(url: string): Target {
  const at = url.indexOf('?');
  const whole = at === -1 ? url : url.slice(0, at);
  const query = new URLSearchParams(at === -1 ? '' : url.slice(at + 1));
  const versioned = /^\/v(\d+)\.(\d+)(\/.*)$/u.exec(whole);
  if (versioned === null) return { path: decoded(whole), query, apiMinor: newestApiMinor };
  const [, major, minor, path = '/'] = versioned;
  const apiMinor = major === '1' ? Number(minor) : Infinity;
  const asked = `client version ${major ?? ''}.${minor ?? ''} is too`;
  if (apiMinor > newestApiMinor) {
    throw new AppError('invalid', `${asked} new. Maximum supported API version is ${apiVersion}`);
  }
  if (apiMinor < oldestApiMinor) {
    throw new AppError(
      'invalid',
      `${asked} old. Minimum supported API version is ${minApiVersion}, please upgrade your client to a newer version`,
    );
  }
  return { path: decoded(path), query, apiMinor };
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch (error) {
    throw new AppError('invalid', `path ${path} is not well encoded`, { cause: error });
  }
}
