import test from 'ava';
import { remotePaths } from '../../../cli/inventory/remote-paths.js';
import { managerHardening, workerHardening } from '../../../cli/provision/unit-hardening.js';

const installed = workerHardening(remotePaths);

test('the manager has a user, no capability and a filter of system calls', (t) => {
  for (const line of [
    'User=shoal-manager',
    'CapabilityBoundingSet=',
    'NoNewPrivileges=yes',
    'ProtectSystem=strict',
    'PrivateTmp=yes',
    'SystemCallFilter=@system-service',
  ])
    t.true(managerHardening.includes(line), `${line} is missing`);
});

test("the manager's Docker socket belongs to a group of its own", (t) => {
  const prepare = managerHardening.find((line) => line.startsWith('ExecStartPre='));
  t.regex(prepare ?? '', /chown shoal-manager:shoal \/run\/shoal-manager && chmod 2750/u);
});

test('the unit gives the reason of every capability of the worker', (t) => {
  const granted = installed.find((line) => line.startsWith('CapabilityBoundingSet='));
  const names = granted?.split('=')[1]?.split(' ') ?? [];
  t.true(names.length > 0);
  for (const name of names)
    t.true(
      installed.some((line) => line.startsWith(`# ${name}: `)),
      `${name} has no reason`,
    );
});

test('a program in a home or temporary folder stays visible to its worker', (t) => {
  const inHome = workerHardening({ node: '/root/.nvm/node', main: '/root/shoal/main.js' });
  t.true(inHome.includes('ProtectHome=read-only'));
  t.true(inHome.includes('PrivateTmp=yes'));
  for (const folder of ['/tmp', '/var/tmp']) {
    const temporary = workerHardening({ node: '/usr/bin/node', main: `${folder}/shoal/main.js` });
    t.false(temporary.includes('PrivateTmp=yes'));
  }
  t.true(installed.includes('ProtectHome=yes'));
  t.true(installed.includes('PrivateTmp=yes'));
});
