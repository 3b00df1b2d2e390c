import test from 'ava';
import type { ExecutionContext } from 'ava';
import { fileWith, refusalOf, serviceWith, specsOf } from '../../../helpers/compose/load-files.js';

/** The specs of network `n`, which service `a` uses, with these keys in flow style. */
function networkWith(t: ExecutionContext, keys: string) {
  const { networks } = specsOf(t, fileWith('networks: [n]', `networks:\n  n: {${keys}}\n`));
  return networks;
}

const refusal = (t: ExecutionContext, keys: string): string =>
  refusalOf(t, { 'compose.yaml': fileWith('networks: [n]', `networks:\n  n: {${keys}}\n`) });

test('a network is an overlay with the addresses of its pool', (t) => {
  t.like(networkWith(t, '')[0], {
    name: 'shop_n',
    project: 'shop',
    key: 'n',
    driver: 'overlay',
    internal: false,
    attachable: false,
    driverOpts: {},
  });
  t.false('reserved' in (networkWith(t, '')[0] ?? {}));
  t.like(
    networkWith(
      t,
      `internal: true, attachable: true, driver_opts: {a: b}, ipam: {config: [{subnet: 10.1.0.0/16,
       gateway: 10.1.0.1, ip_range: 10.1.2.0/24, aux_addresses: {x: 10.1.0.9, y: 10.1.0.8}}]}`,
    )[0],
    {
      internal: true,
      attachable: true,
      driverOpts: { a: 'b' },
      subnet: '10.1.0.0/16',
      gateway: '10.1.0.1',
      ipRange: '10.1.2.0/24',
      reserved: ['10.1.0.8', '10.1.0.9'],
    },
  );
  t.deepEqual(networkWith(t, 'external: true, name: other'), []);
});

test('networks that an overlay cannot be are refused with the place', (t) => {
  for (const [keys, reason] of [
    ['driver: macvlan', /networks\.n\.driver: driver macvlan is not supported/u],
    ['enable_ipv6: true', /networks\.n\.enable_ipv6: IPv6 is not supported/u],
    ['enable_ipv4: false', /networks\.n\.enable_ipv4: cannot be disabled/u],
    ['ipam: {driver: other}', /networks\.n\.ipam\.driver: is not supported/u],
    [
      'ipam: {config: [{subnet: 10.1.0.0/16}, {subnet: 10.2.0.0/16}]}',
      /networks\.n\.ipam\.config\.1: an overlay network has one subnet; keep one$/u,
    ],
    [
      'ipam: {config: [{subnet: "fd00::/64"}]}',
      /networks\.n\.ipam\.config\.0\.subnet: IPv6 is not supported/u,
    ],
    ['ipam: {config: [{gateway: 10.1.0.1}]}', /config\.0\.gateway: requires a subnet/u],
    ['ipam: {config: [{ip_range: 10.1.0.0/24}]}', /config\.0\.ip_range: requires a subnet/u],
    ['ipam: {config: [{aux_addresses: {a: 10.1.0.1}}]}', /aux_addresses: requires a subnet/u],
    ['driver_opts: {encrypted: ""}', /driver_opts\.encrypted: is not supported/u],
  ] as const) {
    t.regex(refusal(t, keys), reason);
  }
  for (const keys of ['driver: bridge', 'driver: overlay', 'driver: default', 'enable_ipv4: true'])
    t.is(refusal(t, keys), '');
  t.is(refusal(t, 'enable_ipv6: false, ipam: {driver: default}'), '');
});

test('a service joins networks by priority, then by name', (t) => {
  const order = (networks: string) =>
    serviceWith(
      t,
      `networks: {${networks}}`,
      'networks: {x: {}, y: {}, z: {}}\n',
    ).task.networks.map(({ network }) => network);
  t.deepEqual(order('z: {}, x: {}, y: {}'), ['shop_x', 'shop_y', 'shop_z']);
  t.deepEqual(order('x: {}, y: {priority: 5}, z: {priority: 10}'), ['shop_z', 'shop_y', 'shop_x']);
  t.deepEqual(order('x: {priority: 1}, y: {gw_priority: 5}'), ['shop_y', 'shop_x']);
  t.deepEqual(order('x: {priority: -1}, y: null'), ['shop_y', 'shop_x']);
});

test('an attachment has aliases, links included, and an address', (t) => {
  const [attachment] = serviceWith(
    t,
    'networks: {n: {aliases: [one, one], ipv4_address: 10.1.0.5, driver_opts: {a: b}}}',
    [
      '  b: {image: x, networks: [n], links: ["a:db", "a:one", "a:a", a]}',
      '  c: {image: x, networks: [m], links: ["a:far"]}',
      '  d: {image: x, networks: [n], links: ["b:other"]}',
      'networks: {n: {ipam: {config: [{subnet: 10.1.0.0/16}]}}, m: {}}\n',
    ].join('\n'),
  ).task.networks;
  t.deepEqual(attachment, {
    network: 'shop_n',
    aliases: ['one', 'db'],
    ipv4Address: '10.1.0.5',
    driverOpts: { a: 'b' },
  });
});

test('an attachment that an overlay cannot have is refused', (t) => {
  const attached = (keys: string): string =>
    refusalOf(t, {
      'compose.yaml': fileWith(
        `networks: {n: {${keys}}}`,
        'networks: {n: {ipam: {config: [{subnet: 10.1.0.0/16}]}}}\n',
      ),
    });
  for (const keys of [
    'ipv6_address: "fd00::1"',
    'link_local_ips: [169.254.0.1]',
    'interface_name: eth9',
  ])
    t.regex(attached(keys), /services\.a\.networks\.n\.\w+: is not supported on overlay networks/u);
  t.regex(attached('ipv4_address: 10.1.0'), /ipv4_address: .*is not an IPv?4? ?address/iu);
});

test('a MAC address belongs to one network of a single container', (t) => {
  const two = 'networks: {n: {}, m: {}}\n';
  const macs = (keys: string) =>
    serviceWith(t, keys, two).task.networks.map(({ macAddress }) => macAddress);
  t.deepEqual(macs('mac_address: 02-42-AC-11-00-0A, networks: [n, m]'), [
    '02:42:ac:11:00:0a',
    undefined,
  ]);
  t.deepEqual(
    macs(
      'mac_address: "02:42:ac:11:00:01", networks: {n: {mac_address: "02:42:ac:11:00:02"}, m: {}}',
    ),
    ['02:42:ac:11:00:01', '02:42:ac:11:00:02'],
  );
  const reason = (keys: string): string => refusalOf(t, { 'compose.yaml': fileWith(keys, two) });
  for (const mac of ['03:42:ac:11:00:02', '02:42:ac:11:00', 'x'])
    t.regex(
      reason(`mac_address: "${mac}", networks: [n]`),
      /is not a unicast MAC address/u,
      `mac ${mac}`,
    );
  t.regex(
    reason('mac_address: "02:42:ac:11:00:02", network_mode: none'),
    /services\.a\.mac_address: requires a network/u,
  );
  t.regex(
    reason('mac_address: "02:42:ac:11:00:02", networks: [n], scale: 2'),
    /services\.a\.mac_address: requires a single replica/u,
  );
  t.regex(
    reason('mac_address: "02:42:ac:11:00:02", networks: [n], deploy: {mode: global}'),
    /services\.a\.mac_address: requires a single replica/u,
  );
});

test('the network mode is that of the machine, none, or of another service', (t) => {
  const mode = (keys: string) =>
    serviceWith(t, keys, '  b: {image: x}\n').task.container.networkMode;
  t.deepEqual(mode('network_mode: host'), { kind: 'host' });
  t.deepEqual(mode('network_mode: none'), { kind: 'none' });
  t.deepEqual(mode('network_mode: bridge'), { kind: 'networks' });
  t.deepEqual(mode('network_mode: "service:b"'), { kind: 'service', service: 'b' });
  t.regex(
    refusalOf(t, { 'compose.yaml': fileWith('network_mode: other') }),
    /services\.a\.network_mode: "other" is not supported/u,
  );
});

test('a volume has its driver, its options and the labels of docker compose', (t) => {
  const { volumes } = specsOf(
    t,
    fileWith(
      'volumes: ["v:/v", "w:/w", "x:/x"]',
      'volumes: {v: {}, w: {driver: nfs, driver_opts: {a: b}, labels: {l: m}}, x: {external: true}}\n',
    ),
  );
  t.like(volumes[0], {
    name: 'shop_v',
    key: 'v',
    driver: 'local',
    driverOpts: {},
    external: false,
  });
  t.like(volumes[1], { driver: 'nfs', driverOpts: { a: 'b' } });
  t.like(volumes[1]?.labels, { l: 'm', 'com.docker.compose.volume': 'w' });
  t.like(volumes[2], { name: 'x', external: true });
});
