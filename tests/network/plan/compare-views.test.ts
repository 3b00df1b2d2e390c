import test from 'ava';
import type { NetworkId, NodeId, TaskId } from '../../../manager/common/model/ids.js';
import type {
  Endpoint,
  NetworkOnNode,
  NetworkView,
} from '../../../manager/common/model/network-view.js';
import { needSameKernelState, changedNetworks } from '../../../network/plan/compare-views.js';

const network: NetworkOnNode = {
  id: 'n1' as NetworkId,
  name: 'shop_default',
  project: 'shop',
  key: 'default',
  vni: 4096,
  subnet: '10.128.0.0/16',
  gateway: '10.128.0.1',
  internal: false,
  labels: {},
};
const endpoint: Endpoint = {
  id: 't1/n1',
  networkId: network.id,
  taskId: 't1' as TaskId,
  nodeId: 'a' as NodeId,
  vtep: '192.0.2.1',
  address: '10.128.16.0',
  mac: '02:42:0a:80:10:00',
  project: 'shop',
  service: 'web',
  slot: 1,
  aliases: [],
  up: false,
};
const view: NetworkView = { networks: [network], endpoints: [endpoint] };

test('views that differ only in names and health need the same kernel state', (t) => {
  const other = { ...endpoint, up: true, aliases: ['w'], service: 'shop' };
  t.true(needSameKernelState(view, { ...view, endpoints: [other] }));
});

test('views with another node, endpoint or gateway need another kernel state', (t) => {
  t.false(needSameKernelState(view, { ...view, endpoints: [{ ...endpoint, vtep: '192.0.2.2' }] }));
  t.false(
    needSameKernelState(view, { ...view, endpoints: [{ ...endpoint, address: '10.128.16.1' }] }),
  );
  t.false(needSameKernelState(view, { ...view, endpoints: [] }));
  t.false(
    needSameKernelState(view, { ...view, networks: [{ ...network, gateway: '10.128.0.2' }] }),
  );
});

test('changedNetworks returns only missing and different networks', (t) => {
  const second = { ...network, id: 'n2' as NetworkId };
  const before = { networks: [network, second], endpoints: [] };
  t.deepEqual(changedNetworks(before, { networks: [network], endpoints: [] }), ['n2']);
  const moved = { networks: [{ ...network, subnet: '10.129.0.0/16' }, second], endpoints: [] };
  t.deepEqual(changedNetworks(before, moved), ['n1']);
  t.deepEqual(changedNetworks(before, before), []);
});
