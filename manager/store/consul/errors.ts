import type { Fields } from '../../common/base/decode.js';
import { isFields } from '../../common/base/decode.js';
import { AppError, messageOf } from '../../common/base/errors.js';

/** A write with an unknown outcome: the connection closed or timed out before the response. */
export class UnknownOutcomeError extends AppError {
  constructor(message: string, cause: unknown) {
    super('unavailable', message, { cause });
    this.name = 'UnknownOutcomeError';
  }
}

export const isUnknownOutcome = (error: unknown): boolean => error instanceof UnknownOutcomeError;

interface Failure {
  readonly code: string;
  readonly status: number | undefined;
  readonly text: string;
}

function fieldsOf(value: unknown): Fields {
  return isFields(value) ? value : {};
}

/**
 * Normalizes errors of the client library: a system error with `code`, or a response with status
 * and body.
 */
function failureOf(error: unknown): Failure {
  const { code, response } = fieldsOf(error);
  const { statusCode, body } = fieldsOf(response);
  const text = typeof body === 'string' ? body : body === undefined ? '' : JSON.stringify(body);
  return {
    code: typeof code === 'string' ? code : '',
    status: typeof statusCode === 'number' ? statusCode : undefined,
    text: text === '' ? messageOf(error) : text,
  };
}

const neverConnected = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH']);

/** Error texts of an agent that cannot forward a request to a leader. */
const leaderless = /No cluster leader|No known Consul servers/;

/** Whether the request was certainly not executed and can be retried at another server. */
export function isSafeToRetry(error: unknown): boolean {
  const { code, status, text } = failureOf(error);
  return neverConnected.has(code) || (status === 500 && leaderless.test(text));
}

/**
 * Translates an error of the client library to an AppError that names the server and the remedy.
 */
export function toConsulError(error: unknown, server: string): AppError {
  const { code, status, text } = failureOf(error);
  const fail = (kind: AppError['kind'], message: string): AppError =>
    new AppError(kind, message, { cause: error, detail: text });
  if (status === 403 || /Permission denied|ACL not found/.test(text)) {
    return fail(
      'forbidden',
      `consul at ${server}: permission denied; the ACL token needs key, session and service write, and agent read`,
    );
  }
  if (status === 404) return fail('not-found', `consul at ${server}: key not found`);
  if (status === 409)
    return fail('conflict', `consul at ${server}: conflicting write by another client`);
  if (status === 400 || status === 413) return fail('invalid', `consul at ${server}: ${text}`);
  if (isSafeToRetry(error)) {
    const reason = status === undefined ? code : 'no cluster leader';
    return fail('unavailable', `consul at ${server} cannot be reached: ${reason}`);
  }
  if (/CERT|TLS|SSL|SELF_SIGNED|UNABLE_TO_VERIFY|INVALID_PURPOSE|EPROTO/.test(code)) {
    return fail(
      'forbidden',
      `consul at ${server}: TLS handshake failed: ${tlsProblem(code)} (${code})`,
    );
  }
  return new UnknownOutcomeError(
    `consul at ${server} did not answer: ${text.slice(0, 200)}`,
    error,
  );
}

/** Explains error codes of node:tls and OpenSSL in terms of the Consul configuration. */
function tlsProblem(code: string): string {
  if (code.includes('EXPIRED')) return 'server certificate has expired';
  if (code.includes('NOT_YET_VALID'))
    return 'server certificate is not valid yet; check the clocks';
  if (code === 'INVALID_PURPOSE') return 'server certificate is not for servers';
  if (code.includes('ALTNAME')) return 'server certificate is for another name or address';
  if (/ALERT.*CERTIFICATE|ALERT.*UNKNOWN_CA/.test(code)) {
    return 'server requires a client certificate signed by its CA';
  }
  if (/SELF_SIGNED|UNABLE_TO|ISSUER/.test(code))
    return 'server certificate is signed by unknown authority';
  return 'check that the port serves TLS';
}
