import { AppError } from '../../manager/common/base/errors.js';
import type { HostKey } from './known-hosts.js';
import { checkKnownHosts, hostKeyFingerprint } from './known-hosts.js';

/** Values of --generic-ssh-strict-host-key-checking, as ssh_config(5) names them. */
export const hostKeyChecks = ['ask', 'accept-new', 'yes'] as const;
export type HostKeyCheck = (typeof hostKeyChecks)[number];

export interface FirstContactPolicy {
  readonly check: HostKeyCheck;
  /** Values of --generic-ssh-host-key; empty if the flag is absent. */
  readonly expected: readonly string[];
  /** Text of the user's and the system's known_hosts files. */
  readonly knownHosts: string;
}

export interface OfferedHostKey {
  readonly machine: string;
  readonly host: string;
  readonly port: number;
  readonly key: HostKey;
}

/** `accept` and `ask` say why; `refuse` is the error. */
export type FirstContact =
  | { readonly decision: 'accept' | 'ask'; readonly reason: string }
  | { readonly decision: 'refuse'; readonly error: AppError };

/** The fingerprint of a key as OpenSSH prints it, `SHA256:…`. */
export function fingerprintOfKey(key: HostKey): string {
  return hostKeyFingerprint(Buffer.from(key.blob, 'base64'));
}

/**
 * The fingerprint that a value of --generic-ssh-host-key names: `SHA256:…`, or a public key with or
 * without a host name before it, as ssh-keyscan prints. Throws `invalid`.
 */
export function expectedFingerprint(value: string): string {
  const text = value.trim();
  if (/^SHA256:[\w+/]{43}$/u.test(text)) return text;
  const blob = /(?:^|\s)(?:ssh|ecdsa|sk)-\S+\s+(AAAA[\w+/]+=*)(?:\s|$)/u.exec(text)?.[1];
  if (blob !== undefined) return fingerprintOfKey({ type: '', blob });
  throw new AppError(
    'invalid',
    `--generic-ssh-host-key ${text}: not a host key; give SHA256:… or a line of ssh-keyscan`,
  );
}

/** Decides whether a machine's host key is believed at the first contact. */
export function decideFirstContact(
  policy: FirstContactPolicy,
  { machine, host, port, key }: OfferedHostKey,
): FirstContact {
  const print = fingerprintOfKey(key);
  const refuse = (problem: string): FirstContact => ({
    decision: 'refuse',
    error: new AppError('forbidden', `${machine}: host key ${print} of ${host} ${problem}`),
  });
  const state = checkKnownHosts(policy.knownHosts, { host, port }, key);
  if (state === 'revoked') return refuse('is revoked in known_hosts');
  if (policy.expected.length > 0) {
    if (policy.expected.map(expectedFingerprint).includes(print)) {
      return { decision: 'accept', reason: 'as given with --generic-ssh-host-key' };
    }
    return refuse('is not the one given with --generic-ssh-host-key; check the address');
  }
  if (state === 'known') return { decision: 'accept', reason: 'found in known_hosts' };
  if (state === 'changed') {
    return refuse(
      'differs from known_hosts; if the machine was reinstalled, remove its lines with "ssh-keygen -R", or give the key with --generic-ssh-host-key',
    );
  }
  if (policy.check === 'yes') {
    return refuse('is unknown; add it to known_hosts or give it with --generic-ssh-host-key');
  }
  return policy.check === 'ask'
    ? { decision: 'ask', reason: 'unknown' }
    : { decision: 'accept', reason: 'new, accepted at first contact' };
}
