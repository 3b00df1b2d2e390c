import test from 'ava';
import type { ExecutionContext } from 'ava';
import { fileWith, refusalOf, serviceWith } from '../../../helpers/compose/load-files.js';

const hostOf = (t: ExecutionContext, keys: string, more = '') =>
  serviceWith(t, keys, more).task.container.hostConfig;
const configOf = (t: ExecutionContext, keys: string) => serviceWith(t, keys).task.container.config;

test('a service without keys sets nothing in the engine', (t) => {
  t.deepEqual(hostOf(t, ''), {});
  t.deepEqual(configOf(t, ''), {});
});

test('namespaces are those of the engine or of another service', (t) => {
  t.deepEqual(
    hostOf(
      t,
      'ipc: host, pid: host, uts: host, userns_mode: host, cgroup: private, cgroup_parent: p',
    ),
    {
      IpcMode: 'host',
      PidMode: 'host',
      UTSMode: 'host',
      UsernsMode: 'host',
      CgroupnsMode: 'private',
      CgroupParent: 'p',
    },
  );
  const other = '  b: {image: x, ipc: "service:a"}\n';
  t.deepEqual(hostOf(t, '', other), { IpcMode: 'shareable' });
  t.deepEqual(hostOf(t, 'ipc: private', other), { IpcMode: 'private' });
  t.deepEqual(hostOf(t, 'ipc: "service:c", pid: "service:c"', '  c: {image: x}\n'), {});
  for (const key of ['uts', 'cgroup']) {
    t.regex(
      refusalOf(t, { 'compose.yaml': fileWith(`${key}: "service:c"`, '  c: {image: x}\n') }),
      new RegExp(`services\\.a\\.${key}: `, 'u'),
    );
  }
});

test('the credential spec becomes a security option', (t) => {
  const options = (spec: string): unknown =>
    hostOf(t, `security_opt: [label:disable], credential_spec: {${spec}}`).SecurityOpt;
  t.deepEqual(options('file: f.json'), ['label:disable', 'credentialspec=file://f.json']);
  t.deepEqual(options('registry: key'), ['label:disable', 'credentialspec=registry://key']);
  t.deepEqual(hostOf(t, 'security_opt: [label:disable]').SecurityOpt, ['label:disable']);
});

test('limits of block devices are numbers', (t) => {
  const limit = (path: string, rate: string) => `{path: ${path}, rate: ${rate}}`;
  t.deepEqual(
    hostOf(
      t,
      `blkio_config: {weight: 300, weight_device: [{path: /dev/sda, weight: 400}],
         device_read_bps: [${limit('/dev/sda', '12mb')}], device_write_iops: [${limit('/dev/sdb', '30')}]}`,
    ),
    {
      BlkioWeight: 300,
      BlkioWeightDevice: [{ Path: '/dev/sda', Weight: 400 }],
      BlkioDeviceReadBps: [{ Path: '/dev/sda', Rate: 12 * 2 ** 20 }],
      BlkioDeviceWriteIOps: [{ Path: '/dev/sdb', Rate: 30 }],
    } as never,
  );
});

test('devices are mapped, CDI devices and GPUs are requested', (t) => {
  t.deepEqual(hostOf(t, 'devices: ["/dev/fuse", "/dev/sda:/dev/xvda:r"]'), {
    Devices: [
      { PathOnHost: '/dev/fuse', PathInContainer: '/dev/fuse', CgroupPermissions: 'rwm' },
      { PathOnHost: '/dev/sda', PathInContainer: '/dev/xvda', CgroupPermissions: 'r' },
    ],
  });
  t.deepEqual(hostOf(t, 'devices: ["vendor.com/gpu=0"]'), {
    DeviceRequests: [{ Driver: 'cdi', DeviceIDs: ['vendor.com/gpu=0'] }],
  });
  t.deepEqual(hostOf(t, 'gpus: [{driver: nvidia, count: 2}]'), {
    DeviceRequests: [{ Driver: 'nvidia', Count: 2, Capabilities: [['gpu']] }],
  });
  t.deepEqual(
    hostOf(
      t,
      'deploy: {resources: {reservations: {devices: [{capabilities: [gpu, tpu], device_ids: ["1"]}]}}}',
    ),
    { DeviceRequests: [{ DeviceIDs: ['1'], Capabilities: [['gpu', 'tpu']] }] },
  );
});

test('tmpfs mounts have options after a colon, and limits a soft and a hard value', (t) => {
  t.deepEqual(hostOf(t, 'tmpfs: [/run, "/tmp:size=1m,mode=700"]'), {
    Tmpfs: { '/run': '', '/tmp': 'size=1m,mode=700' },
  });
  t.deepEqual(hostOf(t, 'ulimits: {nofile: {soft: 10, hard: 20}, nproc: 5}'), {
    Ulimits: [
      { Name: 'nofile', Soft: 10, Hard: 20 },
      { Name: 'nproc', Soft: 5, Hard: 5 },
    ],
  });
});

test('logging has a driver and options', (t) => {
  t.deepEqual(hostOf(t, 'logging: {driver: json-file, options: {max-size: 1m}}'), {
    LogConfig: { Type: 'json-file', Config: { 'max-size': '1m' } },
  });
  t.deepEqual(hostOf(t, 'logging: {options: {a: b}}'), {
    LogConfig: { Type: '', Config: { a: 'b' } },
  });
  t.deepEqual(hostOf(t, 'logging: {driver: none}'), { LogConfig: { Type: 'none', Config: {} } });
});

test('processor, memory and rights keep their values', (t) => {
  t.deepEqual(
    hostOf(
      t,
      `cpu_shares: 5, cpuset: "0-1", cpu_period: 100000, memswap_limit: 1m, mem_swappiness: 60,
       oom_kill_disable: true, oom_score_adj: -5, cap_add: [A], cap_drop: [B], privileged: true,
       read_only: true, group_add: [g], init: true, shm_size: 1m, sysctls: {a: "1"}, runtime: r`,
    ) as never,
    {
      CpuShares: 5,
      CpusetCpus: '0-1',
      CpuPeriod: 100_000,
      MemorySwap: 2 ** 20,
      MemorySwappiness: 60,
      OomKillDisable: true,
      OomScoreAdj: -5,
      CapAdd: ['A'],
      CapDrop: ['B'],
      Privileged: true,
      ReadonlyRootfs: true,
      GroupAdd: ['g'],
      Init: true,
      ShmSize: 2 ** 20,
      Sysctls: { a: '1' },
      Runtime: 'r',
    } as never,
  );
});

test('exposed ports are single or in a range, of any protocol', (t) => {
  t.deepEqual(configOf(t, 'expose: ["80", "90-92/UDP", "65535"], user: u, working_dir: /w'), {
    User: 'u',
    WorkingDir: '/w',
    ExposedPorts: { '80/tcp': {}, '90/udp': {}, '91/udp': {}, '92/udp': {}, '65535/tcp': {} },
  });
  t.deepEqual(configOf(t, 'expose: ["80-80"]'), { ExposedPorts: { '80/tcp': {} } });
  for (const port of ['65536', '92-90', 'x', '80/icmp', '1-65536', '123456']) {
    t.regex(
      refusalOf(t, { 'compose.yaml': fileWith(`expose: ["${port}"]`) }),
      /services\.a\.expose\.0: .*is not a port; write PORT\[-END\]\[\/PROTOCOL\]$/u,
      `port ${port}`,
    );
  }
});
