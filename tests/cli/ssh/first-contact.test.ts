import test from 'ava';
import type { HostKeyCheck } from '../../../cli/ssh/first-contact.js';
import {
  decideFirstContact,
  expectedFingerprint,
  fingerprintOfKey,
} from '../../../cli/ssh/first-contact.js';

const key = { type: 'ssh-ed25519', blob: Buffer.from('key').toString('base64') };
const offered = { machine: 'm1', host: '10.0.0.1', port: 22, key };
const print = fingerprintOfKey(key);

function decide(
  check: HostKeyCheck,
  { expected = [], knownHosts = '' }: { expected?: readonly string[]; knownHosts?: string } = {},
): string {
  const contact = decideFirstContact({ check, expected, knownHosts }, offered);
  return contact.decision === 'refuse' ? contact.error.message : contact.decision;
}

test('unknown keys are asked for, accepted or refused', (t) => {
  t.is(decide('ask'), 'ask');
  t.is(decide('accept-new'), 'accept');
  t.regex(
    decide('yes'),
    /^m1: host key SHA256:.* of 10\.0\.0\.1 is unknown; add it to known_hosts/u,
  );
});

test('known keys are accepted, changed and revoked ones refused, whatever is checked', (t) => {
  for (const check of ['ask', 'accept-new', 'yes'] as const) {
    t.is(decide(check, { knownHosts: `10.0.0.1 ${key.type} ${key.blob}` }), 'accept');
    t.regex(
      decide(check, { knownHosts: `10.0.0.1 ${key.type} AAAA` }),
      /differs from known_hosts/u,
    );
    const revoked = { knownHosts: `@revoked * ${key.type} ${key.blob}`, expected: [print] };
    t.regex(decide(check, revoked), /is revoked in known_hosts/u);
  }
});

test('the given key decides, also against known_hosts', (t) => {
  const knownHosts = `10.0.0.1 ${key.type} AAAA`;
  t.is(decide('yes', { expected: [print], knownHosts }), 'accept');
  const wrong = `SHA256:${'a'.repeat(43)}`;
  t.is(decide('yes', { expected: [wrong, print] }), 'accept', 'one of several machines');
  t.regex(decide('accept-new', { expected: [wrong] }), /is not the one given/u);
});

test('a host key is given as fingerprint, public key or line of ssh-keyscan', (t) => {
  const blob = Buffer.from([0, 0, 0, 11, 1, 2, 3, 4]).toString('base64');
  const wanted = fingerprintOfKey({ type: '', blob });
  for (const value of [wanted, `ssh-ed25519 ${blob}`, `10.0.0.1 ssh-ed25519 ${blob} c\n`])
    t.is(expectedFingerprint(value), wanted);
  for (const value of ['', 'MD5:aa:bb', 'SHA256:short', 'ssh-ed25519'])
    t.throws(() => expectedFingerprint(value), { message: /not a host key/u });
});
