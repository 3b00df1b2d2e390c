import test from 'ava';
import { aServiceSpec } from '../../../fixtures/cluster/build.js';
import type { HostRight } from '../../../manager/access/privileges.js';
import {
  containerPrivileges,
  execPrivileges,
  networkPrivileges,
  objectsUsedBy,
  volumePrivileges,
} from '../../../manager/access/privileges.js';
import type { ContainerSpec, MountSpec } from '../../../manager/common/model/container.js';
import type { Json } from '../../../manager/common/model/meta.js';

const plain = aServiceSpec('web').task.container;

function ofHost(hostConfig: Readonly<Record<string, Json>>): readonly string[] {
  return containerPrivileges({ ...plain, hostConfig }).map(describe);
}

/** `field: what the policy must allow`. */
function describe({ field, right }: HostRight): string {
  if (right === undefined) return `${field}: admins only`;
  const { kind, ...of } = right;
  return [`${field}: ${kind}`, ...Object.values(of)].join(' ');
}

function ofMount(source: string): readonly string[] {
  return containerPrivileges({ ...plain, mounts: [{ ...bind, source }] }).map(describe);
}

function ofVolume(driverOpts: Readonly<Record<string, string>>): readonly string[] {
  return volumePrivileges({ driver: 'local', driverOpts }).map(describe);
}

const bind: Extract<MountSpec, { type: 'bind' }> = {
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

const attacks: readonly (readonly [right: string, hostConfig: Readonly<Record<string, Json>>])[] = [
  ['privileged: privileged', { Privileged: true }],
  ['cap_add SYS_ADMIN: capability SYS_ADMIN', { CapAdd: ['SYS_ADMIN'] }],
  ['cap_add SYS_ADMIN: capability SYS_ADMIN', { CapAdd: ['cap_sys_admin'] }],
  ['cap_add: admins only', { CapAdd: [['SYS_ADMIN']] }],
  ['devices: privileged', { Devices: [{ PathOnHost: '/dev/sda' }] }],
  ['gpus: privileged', { DeviceRequests: [{ Count: -1 }] }],
  ['device_cgroup_rules: privileged', { DeviceCgroupRules: ['b *:* rwm'] }],
  ['pid host: host-namespaces', { PidMode: 'host' }],
  ['ipc host: host-namespaces', { IpcMode: 'host' }],
  ['uts host: host-namespaces', { UTSMode: 'host' }],
  ['userns_mode host: host-namespaces', { UsernsMode: 'host' }],
  ['cgroup host: host-namespaces', { CgroupnsMode: 'host' }],
  ['pid container:db: admins only', { PidMode: 'container:db' }],
  ['pid ["host"]: admins only', { PidMode: ['host'] }],
  ['security_opt seccomp=unconfined: privileged', { SecurityOpt: ['seccomp=unconfined'] }],
  [
    'security_opt no-new-privileges:false: privileged',
    { SecurityOpt: ['no-new-privileges:false', 'no-new-privileges'] },
  ],
  ['CgroupParent: admins only', { CgroupParent: '/system.slice' }],
  ['Runtime: admins only', { Runtime: 'other' }],
  ['Binds: admins only', { Binds: ['/:/host'] }],
  ['oom_score_adj: privileged', { OomScoreAdj: -900 }],
  ['NextYearsKey: admins only', { NextYearsKey: 'anything' }],
];

for (const [right, hostConfig] of attacks) {
  test(`${JSON.stringify(hostConfig)} is a right over the machine`, (t) => {
    t.deepEqual(ofHost(hostConfig), [right]);
  });
}

test('bind mounts, the machine’s network and privileged hooks are rights over the machine', (t) => {
  const privileged: ContainerSpec = {
    ...plain,
    mounts: [{ ...bind, source: '/srv/shop/../blog/' }],
    networkMode: { kind: 'host' },
    preStop: [{ command: ['id'], privileged: true, env: {} }],
  };
  t.deepEqual(containerPrivileges(privileged).map(describe), [
    'network_mode host: host-namespaces',
    'privileged hook: privileged',
    'volumes /srv/shop/../blog/: bind /srv/blog',
  ]);
  t.deepEqual(execPrivileges({ privileged: true }).map(describe), ['privileged: privileged']);
  t.deepEqual(execPrivileges({ privileged: false }), []);
});

test('a path to the socket of an engine is a right of its own, also through its folders', (t) => {
  for (const socket of ['/var/run/docker.sock', '/run/docker.sock', '/run//x/../docker.sock']) {
    t.deepEqual(ofMount(socket), [`volumes ${socket}: engine-socket`]);
  }
  t.deepEqual(ofMount('/run/containerd/containerd.sock'), [
    'volumes /run/containerd/containerd.sock: engine-socket',
  ]);
  for (const folder of ['/', '/run', '/var', '/var/run']) {
    t.deepEqual(ofMount(folder), [
      `volumes ${folder}: bind ${folder}`,
      `volumes ${folder}: engine-socket`,
    ]);
  }
  t.deepEqual(ofMount('/run/docker.sock.d'), [
    'volumes /run/docker.sock.d: bind /run/docker.sock.d',
  ]);
  t.deepEqual(ofMount('C:\\data'), ['volumes C:\\data: admins only']);
});

test('volumes that mount devices and networks of the machine are rights over it', (t) => {
  const etc = { type: 'none', o: 'bind', device: '/etc' };
  t.deepEqual(ofVolume(etc), ['driver_opts device /etc: bind /etc']);
  t.deepEqual(ofVolume({ ...etc, o: 'ro,rbind' }), ['driver_opts device /etc: bind /etc']);
  const others: readonly Readonly<Record<string, string>>[] = [
    { ...etc, type: 'nfs' },
    { ...etc, o: 'addr=10.0.0.1' },
    { ...etc, o: 'bind,suid' },
    { ...etc, device: '/srv/shop/../../etc' },
    { ...etc, size: '1g' },
    { type: 'ext4', device: '/dev/sda1' },
  ];
  for (const options of others)
    t.regex(ofVolume(options)[0] ?? '', /^driver_opts .*: admins only$/u);
  t.deepEqual(ofVolume({ type: 'tmpfs', device: 'tmpfs' }), []);
  t.deepEqual(volumePrivileges({ driver: 'plugin', driverOpts: {} }).map(describe), [
    'driver plugin: admins only',
  ]);
  t.deepEqual(volumePrivileges({ driver: '', driverOpts: {} }), []);
  t.deepEqual(networkPrivileges({ driver: 'macvlan' }).map(describe), [
    'driver macvlan: admins only',
  ]);
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
