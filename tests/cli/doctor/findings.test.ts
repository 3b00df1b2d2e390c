import test from 'ava';
import { aService, aTask } from '../../../fixtures/cluster/build.js';
import type { ProbedMachine } from '../../../cli/doctor/findings.js';
import { diagnose } from '../../../cli/doctor/findings.js';
import { overlayPairs } from '../../../cli/doctor/overlay-pairs.js';
import { parseDoctorFacts } from '../../../cli/doctor/probe.js';

const healthy = `clock 1000.250000000
engine 28.5.0
disk 107374182400 53687091200
inodes 10
checksum udp 0
checksum tcp 0
reach 192.0.2.2 0.310
mtu 192.0.2.2 eth0 1500 ok
port 192.0.2.1:7070 open
unit shoal-worker active
overlay 10.0.0.2 1450 0.412
`;

function machine(name: string, address: string, text: string): ProbedMachine {
  const pair = { from: name, to: 'b', network: 'shop', containerId: 'c1', address: '10.0.0.2' };
  return {
    name,
    address,
    facts: parseDoctorFacts(text, 1_000_000, 1_000_500),
    enginePort: { port: 2376, open: !text.includes('engine-port closed') },
    pairs: [pair],
  };
}

const problems = (examined: ProbedMachine): readonly string[] =>
  diagnose([examined, { name: 'b', address: '192.0.2.2', facts: parseDoctorFacts(healthy, 0, 0) }])
    .filter(({ machine: name }) => name === examined.name)
    .map(({ level, problem }) => `${level}: ${problem}`);

test('a healthy machine has no findings', (t) => {
  const facts = parseDoctorFacts(healthy, 1_000_000, 1_000_500);
  t.is(facts.skewMs, 0);
  t.is(facts.peers[0]?.roundTripMs, 0.31);
  t.deepEqual(problems(machine('a', '192.0.2.1', healthy)), []);
});

test('a runtime past its end of life is a warning', (t) => {
  const askedAtMs = Date.parse('2026-11-30T00:00:00Z');
  const old = { ...machine('a', '192.0.2.1', `${healthy}node v20.20.2\n`), askedAtMs };
  t.deepEqual(problems(old), ['warning: Node 20.20.2 gets no security fixes since 2026-04-30']);
  const current = { ...machine('a', '192.0.2.1', `${healthy}node v24.1.0\n`), askedAtMs };
  t.deepEqual(problems(current), []);
});

test('an engine that trusts an earlier CA is a warning', (t) => {
  const seen = machine('a', '192.0.2.1', `${healthy}anchor old\n`);
  t.deepEqual(problems({ ...seen, engineAnchor: 'old' }), []);
  t.deepEqual(problems({ ...seen, engineAnchor: 'new' }), [
    'warning: the engine accepts certificates of an earlier CA for its port',
  ]);
});

const faults: readonly (readonly [string, string, string, string])[] = [
  ['clock 1000.25', 'clock 1005.25', 'warning', 'clock is 5.0 s ahead of this computer'],
  ['clock 1000.25', 'clock 900.25', 'error', 'clock is 100.0 s behind this computer'],
  ['engine 28.5.0', 'engine', 'error', 'Docker Engine does not answer'],
  ['engine 28.5.0', 'engine 19.03.1', 'error', 'Docker Engine 19.03.1 is older than 20.10'],
  [
    '53687091200',
    '104857600',
    'error',
    'only 100MiB of 100GiB of disk space are free for Docker Engine',
  ],
  ['0.412', 'lost', 'error', 'containers on network shop cannot reach b (10.0.0.2)'],
  [
    '0.412',
    '0.412\noverlay-tcp 10.0.0.2 lost',
    'error',
    'container TCP packets to b are lost while pings arrive',
  ],
  ['0.412', 'cut', 'error', 'container packets of 1450 bytes to b are lost'],
  ['worker active', 'worker failed', 'error', 'shoal-worker is failed'],
  [
    'disk',
    'engine-port closed\ndisk',
    'warning',
    'engine port 2376 is unreachable from this computer',
  ],
  ['eth0 1500 ok', 'eth0 1500 lost', 'error', 'packets of 1500 bytes to b are lost'],
  ['reach 192.0.2.2 0.310', 'unreached 192.0.2.2', 'error', 'cannot reach b (192.0.2.2)'],
  ['7070 open', '7070 closed', 'error', 'cannot reach the manager at 192.0.2.1:7070'],
  ['udp 0', 'udp 7', 'warning', 'dropped 7 packets with a wrong checksum since boot'],
];

for (const [was, is, level, problem] of faults) {
  test(`doctor reports: ${problem}`, (t) => {
    const text = healthy.replace(was, is);
    t.not(text, healthy);
    t.deepEqual(problems(machine('a', '192.0.2.1', text)), [`${level}: ${problem}`]);
  });
}

test('every finding has a remedy, errors come first, and an unreachable machine is an error', (t) => {
  const gone: ProbedMachine = {
    name: 'z',
    address: '192.0.2.9',
    facts: undefined,
    failure: 'refused',
  };
  const found = diagnose([machine('a', '192.0.2.1', healthy.replace('udp 0', 'udp 1')), gone]);
  t.deepEqual(
    found.map(({ level }) => level),
    ['error', 'warning'],
  );
  for (const { remedy } of found) t.true(remedy.length > 0);
});

test('overlay pairs cover machines with running containers on a common network', (t) => {
  const web = aService('web', { replicas: 3 });
  const on = (node: string, slot: number, network: string, state = 'running') => ({
    ...aTask(web, slot, { node, state: state as 'running', status: { containerId: `c${slot}` } }),
    attachments: [
      {
        networkId: network as never,
        network,
        address: `10.0.0.${slot}`,
        mac: '',
        aliases: [],
      },
    ],
  });
  const machines = ['n1', 'n2', 'n3'].map((nodeId) => ({ name: nodeId, nodeId }));
  const tasks = [on('n1', 1, 'a'), on('n2', 2, 'a'), on('n3', 3, 'b'), on('n3', 4, 'a', 'failed')];
  t.deepEqual(
    overlayPairs(machines, tasks).map(({ from, to, containerId, address }) => [
      from,
      to,
      containerId,
      address,
    ]),
    [
      ['n1', 'n2', 'c1', '10.0.0.2'],
      ['n2', 'n1', 'c2', '10.0.0.1'],
    ],
  );
});

test('expired and expiring certificates are reported with their holder', (t) => {
  const day = 86_400_000;
  const at = 1_000_000;
  const lines = [
    `certificate pki/worker ${at - 80 * day} ${at + 10 * day}`,
    `certificate engine/server ${at - 10 * day} ${at - day}`,
    `certificate pki/manager ${at - 10 * day} ${at + 80 * day}`,
  ];
  const examined = machine('a', '192.0.2.1', `${healthy}${lines.join('\n')}`);
  const found = diagnose([{ ...examined, askedAtMs: at }]).map(
    ({ level, problem, remedy }) => `${level}: ${problem}: ${remedy}`,
  );
  t.is(found.length, 2);
  t.regex(found[0] ?? '', /^error: engine certificate expired on 1969-12-31/);
  t.regex(
    found[1] ?? '',
    /^warning: worker certificate expires on 1970-01-11 .*: "shoal machine provision a"/,
  );
});

test('a clock that was read slowly is only as wrong as is certain', (t) => {
  const skewed = (readingMs: number): readonly string[] => {
    const facts = parseDoctorFacts(healthy, 1_000_000 - readingMs, 1_000_500);
    return problems({ ...machine('a', '192.0.2.1', healthy), facts });
  };
  t.deepEqual(skewed(17_000), [], 'a busy machine took 17 s to start the probe');
  const ahead = parseDoctorFacts(healthy, 990_000, 990_500);
  t.deepEqual(problems({ ...machine('a', '192.0.2.1', healthy), facts: ahead }), [
    'warning: clock is 10.0 s ahead of this computer',
  ]);
});

test('a network that the engine refuses to remove is an error with its remedy', (t) => {
  const stuckNetworks = [{ name: 'shop', problem: 'endpoints are leaked; restart the engine' }];
  const examined = { ...machine('a', '192.0.2.1', healthy), stuckNetworks };
  const [finding] = diagnose([examined]).filter(({ problem }) => problem.includes('shop'));
  t.like(finding, {
    level: 'error',
    problem: 'network shop cannot be removed: endpoints are leaked',
    remedy: 'restart the engine',
  });
  const problem = 'driver failed: no device; still in use; restart the engine';
  const [several] = diagnose([{ ...examined, stuckNetworks: [{ name: 'shop', problem }] }]);
  t.like(several, {
    problem: 'network shop cannot be removed: driver failed: no device; still in use',
    remedy: 'restart the engine',
  });
});

test('a check that failed is a finding, not a sign of health', (t) => {
  const [finding] = diagnose([], [{ what: 'removed networks', reason: 'no manager answers' }]);
  t.like(finding, {
    level: 'warning',
    machine: 'cluster',
    problem: 'removed networks could not be checked: no manager answers',
  });
});
