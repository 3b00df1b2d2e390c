import { isFields } from '../../base/decode.js';
import type { ErrorKind } from '../../base/errors.js';

const kinds: Readonly<Record<number, ErrorKind>> = {
  400: 'invalid',
  401: 'forbidden',
  403: 'forbidden',
  404: 'not-found',
  409: 'conflict',
  501: 'unsupported',
  503: 'unavailable',
};

/** Kind of an error that a Docker Engine answers with this status. */
export function engineErrorKind(status: number): ErrorKind {
  return kinds[status] ?? 'internal';
}

/** Text of an engine's parsed error body, `{"message": "…"}`; undefined for other bodies. */
export function engineErrorText(body: unknown): string | undefined {
  return isFields(body) && 'message' in body ? String(body.message) : undefined;
}
