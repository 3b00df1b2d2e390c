import { execFileSync } from 'node:child_process';
import test from 'ava';
import { pickShell, renderEnvironment, withNoProxy } from '../../../cli/inventory/shell-env.js';

const variables = [
  { name: 'DOCKER_HOST', value: 'tcp://10.0.0.1:2376' },
  { name: 'DOCKER_CERT_PATH', value: undefined },
];

for (const [shell, lines] of [
  ['bash', ['export DOCKER_HOST="tcp://10.0.0.1:2376"', 'unset DOCKER_CERT_PATH']],
  ['sh', ['export DOCKER_HOST="tcp://10.0.0.1:2376"', 'unset DOCKER_CERT_PATH']],
  ['fish', ['set -gx DOCKER_HOST "tcp://10.0.0.1:2376";', 'set -e DOCKER_CERT_PATH;']],
  ['tcsh', ['setenv DOCKER_HOST "tcp://10.0.0.1:2376";', 'unsetenv DOCKER_CERT_PATH;']],
  [
    'powershell',
    ['$Env:DOCKER_HOST = "tcp://10.0.0.1:2376"', String.raw`Remove-Item Env:\\DOCKER_CERT_PATH`],
  ],
  ['cmd', ['SET DOCKER_HOST=tcp://10.0.0.1:2376', 'SET DOCKER_CERT_PATH=']],
  ['emacs', ['(setenv "DOCKER_HOST" "tcp://10.0.0.1:2376")', '(setenv "DOCKER_CERT_PATH" nil)']],
] as const) {
  test(`${shell} sets and unsets variables in its own syntax`, (t) => {
    const text = renderEnvironment(shell, variables, 'shoal machine env node-1');
    t.deepEqual(text.split('\n').slice(0, 2), [...lines]);
  });
}

test('a POSIX shell that evaluates the output gets the values unchanged', (t) => {
  const path = `/home/a"b/$x\`y\\z`;
  const text = renderEnvironment('bash', [{ name: 'P', value: path }], 'shoal machine env');
  t.is(execFileSync('sh', ['-c', `${text}printf %s "$P"`], { encoding: 'utf8' }), path);
});

test('the shell comes from the flag, then from SHELL', (t) => {
  t.is(pickShell('fish', '/bin/bash'), 'fish');
  t.is(pickShell(undefined, '/usr/bin/fish'), 'fish');
  t.is(pickShell(undefined, '/opt/odd'), 'bash');
  t.is(pickShell(undefined, undefined), 'bash');
  t.throws(() => pickShell('odd', undefined), { message: /unknown shell "odd"/u });
});

test('NO_PROXY gets an address only once', (t) => {
  t.is(withNoProxy(undefined, '10.0.0.1'), '10.0.0.1');
  t.is(withNoProxy('a,10.0.0.1', '10.0.0.1'), 'a,10.0.0.1');
  t.is(withNoProxy('a', '10.0.0.1'), 'a,10.0.0.1');
});
