import test from 'ava';
import { aServiceSpec } from '../../../fixtures/cluster/build.js';
import {
  containerPrivileges,
  networkPrivileges,
  objectsUsedBy,
  volumePrivileges,
} from '../../../manager/access/privileges.js';
import type { ContainerSpec, MountSpec } from '../../../manager/common/model/container.js';
import type { Json } from '../../../manager/common/model/meta.js';

const plain = aServiceSpec('web').task.container;

function ofHost(hostConfig: Readonly<Record<string, Json>>): readonly string[] {
  return containerPrivileges({ ...plain, hostConfig });
}

const bind: MountSpec = {
  type: 'bind',
  source: '/var/run/docker.sock',
  target: '/s',
  readOnly: true,
  createHostPath: false,
};

test('a plain container with limits requests no right over its machine', (t) => {
  t.deepEqual(containerPrivileges(plain), []);
  const limits = { Memory: 1_024, NanoCpus: 5, CapDrop: ['ALL'], Init: true, PidsLimit: 10 };
  t.deepEqual(ofHost(limits), []);
  t.deepEqual(ofHost({ Privileged: false, CapAdd: [], Devices: [], PidMode: '', Runtime: '' }), []);
  t.deepEqual(ofHost({ IpcMode: 'shareable', SecurityOpt: ['no-new-privileges:true'] }), []);
});

const attacks: readonly (readonly [name: string, hostConfig: Readonly<Record<string, Json>>])[] = [
  ['Privileged', { Privileged: true }],
  ['CapAdd', { CapAdd: ['SYS_ADMIN'] }],
  ['Devices', { Devices: [{ PathOnHost: '/dev/sda' }] }],
  ['DeviceRequests', { DeviceRequests: [{ Count: -1 }] }],
  ['DeviceCgroupRules', { DeviceCgroupRules: ['b *:* rwm'] }],
  ['PidMode "host"', { PidMode: 'host' }],
  ['IpcMode "host"', { IpcMode: 'host' }],
  ['UTSMode "host"', { UTSMode: 'host' }],
  ['UsernsMode "host"', { UsernsMode: 'host' }],
  ['CgroupnsMode "host"', { CgroupnsMode: 'host' }],
  ['PidMode "container:db"', { PidMode: 'container:db' }],
  ['PidMode ["host"]', { PidMode: ['host'] }],
  ['SecurityOpt seccomp=unconfined', { SecurityOpt: ['seccomp=unconfined'] }],
  ['SecurityOpt no-new-privileges:false', { SecurityOpt: ['no-new-privileges:false'] }],
  ['CgroupParent', { CgroupParent: '/system.slice' }],
  ['Runtime', { Runtime: 'other' }],
  ['Binds', { Binds: ['/:/host'] }],
  ['OomScoreAdj', { OomScoreAdj: -900 }],
  ['NextYearsKey', { NextYearsKey: 'anything' }],
];

for (const [name, hostConfig] of attacks) {
  test(`${name} is a right over the machine`, (t) => {
    t.deepEqual(ofHost(hostConfig), [name]);
  });
}

test('bind mounts, the machine’s network and privileged hooks are rights over the machine', (t) => {
  const privileged: ContainerSpec = {
    ...plain,
    mounts: [bind],
    networkMode: { kind: 'host' },
    preStop: [{ command: ['id'], privileged: true, env: {} }],
  };
  t.deepEqual(containerPrivileges(privileged), [
    'bind mount of /var/run/docker.sock',
    'network of the machine',
    'privileged hook',
  ]);
});

test('volumes that mount devices and networks of the machine are rights over it', (t) => {
  const etc = { type: 'none', o: 'bind', device: '/etc' };
  t.deepEqual(volumePrivileges({ driver: 'local', driverOpts: etc }), [
    'driver options device, o, type',
  ]);
  t.deepEqual(volumePrivileges({ driver: 'plugin', driverOpts: {} }), ['driver plugin']);
  t.deepEqual(volumePrivileges({ driver: '', driverOpts: {} }), []);
  t.deepEqual(networkPrivileges({ driver: 'macvlan' }), ['driver macvlan']);
  t.deepEqual(networkPrivileges({ driver: 'bridge' }), []);
});

test('the objects of a service are its networks, named volumes, secrets and configs', (t) => {
  const spec = aServiceSpec('web');
  const volume = { type: 'volume', target: '/d', readOnly: false, noCopy: false } as const;
  const file = { target: '/f', uid: '', gid: '', mode: 0o444 };
  const container = {
    ...plain,
    mounts: [{ ...volume, source: 'data' }, volume, bind],
    files: [
      { ...file, kind: 'secret' as const, source: 'key' },
      { ...file, kind: 'config' as const, source: 'conf' },
    ],
  };
  const used = objectsUsedBy({ task: { ...spec.task, networks: [], container } });
  t.deepEqual(used, [
    { kind: 'volume', name: 'data' },
    { kind: 'secret', name: 'key' },
    { kind: 'config', name: 'conf' },
  ]);
});
