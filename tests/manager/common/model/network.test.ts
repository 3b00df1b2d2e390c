import test from 'ava';
import fc from 'fast-check';
import { aNetwork } from '../../../../fixtures/cluster/build.js';
import type { NetworkId, NodeId } from '../../../../manager/common/model/ids.js';
import {
  addressLeaseId,
  portLeaseId,
  withStuckNode,
} from '../../../../manager/common/model/network.js';

const [one, two] = ['n1' as NodeId, 'n2' as NodeId];
const problem = 'has active endpoints; restart the engine';

test("a node's problem with a network is kept beside those of other nodes", (t) => {
  const stuck = withStuckNode(withStuckNode(aNetwork('front'), one, problem), two, 'busy');
  t.deepEqual(stuck.leftOn, [
    { nodeId: one, problem },
    { nodeId: two, problem: 'busy' },
  ]);
});

test('a changed problem of a node replaces the former one', (t) => {
  const stuck = withStuckNode(withStuckNode(aNetwork('front'), one, 'busy'), one, problem);
  t.deepEqual(stuck.leftOn, [{ nodeId: one, problem }]);
});

test('the last solved problem leaves the network as it was before the first', (t) => {
  const network = aNetwork('front');
  const stuck = withStuckNode(withStuckNode(network, one, problem), two, 'busy');
  const half = withStuckNode(stuck, one, undefined);
  t.deepEqual(half.leftOn, [{ nodeId: two, problem: 'busy' }]);
  t.deepEqual(withStuckNode(half, two, undefined), network);
});

test('an unchanged problem leaves the same object, so that nothing is written', (t) => {
  const network = aNetwork('front');
  t.is(withStuckNode(network, one, undefined), network);
  const stuck = withStuckNode(network, one, problem);
  t.is(withStuckNode(stuck, one, problem), stuck);
  t.is(withStuckNode(stuck, two, undefined), stuck);
});

test('leases of different addresses and ports have different ids', (t) => {
  const part = fc.stringMatching(/^[a-z0-9]{1,4}$/u);
  const port = fc.integer({ min: 1, max: 65_535 });
  const aLease = fc.oneof(
    fc
      .tuple(part, part)
      .map(([net, ip]) => ({ key: [net, ip], id: addressLeaseId(net as NetworkId, ip) })),
    fc.tuple(part, part, port, part).map(([node, protocol, at, ip]) => ({
      key: [node, protocol, String(at), ip],
      id: portLeaseId(node as NodeId, protocol, at, ip),
    })),
  );
  fc.assert(
    fc.property(
      aLease,
      aLease,
      (a, b) => (a.id === b.id) === (a.key.join(' ') === b.key.join(' ')),
    ),
  );
  t.pass();
});
