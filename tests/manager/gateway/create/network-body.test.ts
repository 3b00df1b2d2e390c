import test from 'ava';
import { isAppError } from '../../../../manager/common/base/errors.js';
import { decodeNetworkBody } from '../../../../manager/gateway/create/network-body.js';

const kindOf = (body: object): string => {
  try {
    decodeNetworkBody({ Name: 'front', ...body });
    return 'decoded';
  } catch (error) {
    return isAppError(error) ? error.kind : String(error);
  }
};

test("docker compose's request becomes a network of its project", (t) => {
  const Labels = {
    'com.docker.compose.project': 'shop',
    'com.docker.compose.network': 'default',
    'com.docker.compose.config-hash': 'abc',
  };
  const body = { Name: 'shop_default', Driver: '', IPAM: null, Options: null, ConfigFrom: null };
  t.deepEqual(decodeNetworkBody({ ...body, Attachable: false, CheckDuplicate: true, Labels }), {
    ...{ name: 'shop_default', project: 'shop', key: 'default', driver: 'overlay' },
    ...{ internal: false, attachable: true, labels: Labels, driverOpts: {} },
  });
});

test('a bridge, the default of the docker client, is a network of the cluster', (t) => {
  for (const Driver of ['bridge', 'overlay', 'default', '', null]) {
    t.is(decodeNetworkBody({ Name: 'front', Driver }).driver, 'overlay');
  }
  t.is(kindOf({ Driver: 'macvlan' }), 'unsupported');
  t.is(kindOf({ Driver: 'host' }), 'forbidden');
  t.is(kindOf({ Driver: 'weave' }), 'not-found');
});

test('a subnet keeps its range, gateway and reserved addresses', (t) => {
  const pool = {
    ...{ Subnet: '10.9.0.0/24', IPRange: '10.9.0.128/25', Gateway: '10.9.0.1' },
    AuxiliaryAddresses: { router: '10.9.0.2' },
  };
  const { subnet, ipRange, gateway, reserved } = decodeNetworkBody({
    ...{ Name: 'front', IPAM: { Driver: 'default', Config: [pool] } },
  });
  t.deepEqual(
    { subnet, ipRange, gateway, reserved },
    {
      ...{ subnet: '10.9.0.0/24', ipRange: '10.9.0.128/25', gateway: '10.9.0.1' },
      reserved: ['10.9.0.2'],
    },
  );
});

test('addresses outside the subnet and subnets that cannot be parsed are invalid', (t) => {
  const pool = (Config: object): string => kindOf({ IPAM: { Config: [Config] } });
  t.is(pool({ Subnet: '10.9.0.0' }), 'invalid');
  t.is(pool({ Subnet: '10.9.0.0/24', Gateway: '10.8.0.1' }), 'invalid');
  t.is(pool({ Subnet: '10.9.0.0/24', IPRange: '10.8.0.0/25' }), 'invalid');
  t.is(pool({ Gateway: '10.8.0.1' }), 'invalid');
  t.is(pool({ Subnet: 'fd00::/64' }), 'unsupported');
  t.is(pool({}), 'decoded');
});

test('options that the cluster lacks are refused by name, unknown ones are ignored', (t) => {
  for (const [option, value] of Object.entries({
    ...{ EnableIPv6: true, EnableIPv4: false, Ingress: true, ConfigOnly: true },
    ConfigFrom: { Network: 'other' },
  })) {
    t.throws(() => decodeNetworkBody({ Name: 'front', [option]: value }), {
      message: new RegExp(`^network front: ${option}`, 'u'),
    });
  }
  t.is(kindOf({ IPAM: { Config: [{}, {}] } }), 'unsupported');
  t.is(kindOf({ IPAM: { Driver: 'dhcp' } }), 'unsupported');
  t.is(kindOf({ Nonsense: 1 }), 'decoded');
  t.is(kindOf({ Labels: { a: 1 } }), 'invalid');
  t.is(kindOf({ Name: 'bridge' }), 'forbidden');
});
