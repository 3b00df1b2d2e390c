import { AppError, messageOf } from '../../common/base/errors.js';

/** A write that may or may not have been done: the connection ended, or time ran out, before the answer. */
export class UncertainError extends AppError {
  constructor(message: string, cause: unknown) {
    super('unavailable', message, { cause });
    this.name = 'UncertainError';
  }
}

export const isUncertain = (error: unknown): boolean => error instanceof UncertainError;

interface Failure {
  readonly code: string;
  readonly status: number | undefined;
  readonly text: string;
}

/** What the client library throws: a system error with `code`, or an answer with status and body. */
function failureOf(error: unknown): Failure {
  const raw = error as {
    readonly code?: unknown;
    readonly response?: { readonly statusCode?: number; readonly body?: unknown };
  };
  const body = raw.response?.body;
  const text = typeof body === 'string' ? body : body === undefined ? '' : JSON.stringify(body);
  return {
    code: typeof raw.code === 'string' ? raw.code : '',
    status: raw.response?.statusCode,
    text: text === '' ? messageOf(error) : text,
  };
}

const neverConnected = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH']);

/** Texts of an agent that has nobody to pass a request on to. */
const leaderless = /No cluster leader|No known Consul servers/;

/** Whether it is certain that nothing was done, and another server or moment may do. */
export function wasNotSent(error: unknown): boolean {
  const { code, status, text } = failureOf(error);
  return neverConnected.has(code) || (status === 500 && leaderless.test(text));
}

/** One line that says which server, what it said and what to do. */
export function translate(error: unknown, server: string): AppError {
  const { code, status, text } = failureOf(error);
  const fail = (kind: AppError['kind'], message: string): AppError =>
    new AppError(kind, message, { cause: error, detail: text });
  if (status === 403 || /Permission denied|ACL not found/.test(text)) {
    return fail(
      'forbidden',
      `consul at ${server} refuses the token: it needs key, session and service write, and agent read`,
    );
  }
  if (status === 404) return fail('not-found', `consul at ${server} has no such key`);
  if (status === 409)
    return fail('conflict', `consul at ${server}: somebody else wrote in between`);
  if (status === 400 || status === 413) return fail('invalid', `consul at ${server}: ${text}`);
  if (wasNotSent(error)) {
    const why = status === undefined ? code : 'its servers have no leader';
    return fail('unavailable', `consul at ${server} cannot be reached: ${why}`);
  }
  if (/CERT|TLS|SSL|SELF_SIGNED|UNABLE_TO_VERIFY|EPROTO/.test(code)) {
    return fail(
      'forbidden',
      `consul at ${server}: no TLS connection: ${tlsProblem(code)} (${code})`,
    );
  }
  return new UncertainError(`consul at ${server} did not answer: ${text.slice(0, 200)}`, error);
}

/** Codes of node:tls and OpenSSL in words of who set Consul up. */
function tlsProblem(code: string): string {
  if (code.includes('EXPIRED')) return 'its certificate has expired';
  if (code.includes('NOT_YET_VALID'))
    return 'its certificate is not valid yet, or a clock is wrong';
  if (code.includes('ALTNAME')) return 'its certificate is for another name or address';
  if (/ALERT.*CERTIFICATE|ALERT.*UNKNOWN_CA/.test(code)) {
    return 'it wants a certificate that its own CA has signed';
  }
  if (/SELF_SIGNED|UNABLE_TO|ISSUER/.test(code))
    return 'another CA than the one given signed its certificate';
  return 'does it speak TLS on this port?';
}
