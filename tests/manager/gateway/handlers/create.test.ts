import test from 'ava';
import { refusalText } from '../../../../manager/gateway/handlers/create.js';

test('a refused placement names each reason once, with its nodes', (t) => {
  const one = { summary: 'no constraint zone==moon on 2 nodes' };
  const withNodes = `${one.summary}: a, b`;
  t.is(refusalText({ ...one, reasons: [withNodes] }), withNodes);
  t.is(
    refusalText({ summary: 'the cluster has no nodes', reasons: [] }),
    'the cluster has no nodes',
  );
  const two = 'insufficient memory on 1 node, 1 node is down';
  const lines = [
    'insufficient memory on 1 node (2 GiB requested): a (1 GiB free)',
    '1 node is down: b',
  ];
  t.is(refusalText({ summary: two, reasons: lines }), [two, ...lines].join('; '));
});
