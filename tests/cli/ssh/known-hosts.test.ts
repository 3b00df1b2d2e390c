import { createHmac } from 'node:crypto';
import test from 'ava';
import fc from 'fast-check';
import { checkKnownHosts, knownHostName } from '../../../cli/ssh/known-hosts.js';

const key = { type: 'ssh-ed25519', blob: 'AAAAkey' };
const other = { type: 'ssh-ed25519', blob: 'AAAAother' };
const server = { host: '10.0.0.1', port: 22 };
const line = (hosts: string, of = key): string => `${hosts} ${of.type} ${of.blob} comment\n`;

function hashed(name: string): string {
  const salt = Buffer.from('01234567890123456789');
  return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`;
}

for (const [title, text, state, at = server] of [
  ['an empty file', '', 'unknown'],
  ['a comment', `# ${line('10.0.0.1')}`, 'unknown'],
  ['its address', line('10.0.0.1'), 'known'],
  ['its address in a list', line('beta,10.0.0.1'), 'known'],
  ['another address', line('10.0.0.2'), 'unknown'],
  ['another key', line('10.0.0.1', other), 'changed'],
  ['a key of another type', line('10.0.0.1', { type: 'ssh-rsa', blob: 'AAAArsa' }), 'changed'],
  ['two keys', line('10.0.0.1', other) + line('10.0.0.1'), 'known'],
  ['its hashed address', line(hashed('10.0.0.1')), 'known'],
  ['another hashed address', line(hashed('10.0.0.2')), 'unknown'],
  ['its hashed address and another key', line(hashed('10.0.0.1'), other), 'changed'],
  ['its address without the port', line('10.0.0.1'), 'unknown', { ...server, port: 2222 }],
  ['its address with the port', line('[10.0.0.1]:2222'), 'known', { ...server, port: 2222 }],
  ['a hashed address with port', line(hashed('[10.0.0.1]:22')), 'unknown'],
  ['a pattern', line('10.0.?.*'), 'known'],
  ['a pattern that excludes it', line('10.0.0.*,!10.0.0.1'), 'unknown'],
  ['upper case', line('Beta.example'), 'known', { host: 'bETA.Example', port: 22 }],
  ['a revoked key', `@revoked ${line('*')}${line('10.0.0.1')}`, 'revoked'],
  ['another revoked key', `@revoked ${line('*', other)}`, 'unknown'],
  ['a CA', `@cert-authority ${line('*')}`, 'unknown'],
] as const) {
  test(`a host key is ${state} if known_hosts has ${title}`, (t) => {
    t.is(checkKnownHosts(text, at, key), state);
  });
}

test('names have brackets with a port other than 22', (t) => {
  t.is(knownHostName('a', 22), 'a');
  t.is(knownHostName('a', 23), '[a]:23');
});

test('a pattern agrees with a regular expression', (t) => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), minLength: 1, maxLength: 8 });
  const name = fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(text, name, (pattern, host) => {
      const wanted = new RegExp(`^${pattern.replaceAll('*', '.*').replaceAll('?', '.')}$`, 'u');
      const state = checkKnownHosts(line(pattern), { host, port: 22 }, key);
      t.is(state === 'known', wanted.test(host));
    }),
  );
});

test('a pattern of many stars takes no time', (t) => {
  const began = process.cpuUsage();
  checkKnownHosts(line(`${'*a'.repeat(2_000)}*b`), { host: 'a'.repeat(255), port: 22 }, key);
  t.true(process.cpuUsage(began).user < 1_000_000);
});
