import test from 'ava';
import { decodePkiOrder } from '../../../../manager/common/pki/pki-main.js';

test('an order for requests is decoded', (t) => {
  const order = { op: 'requests', keys: [{ keyPath: '/k', commonName: 'n1' }] } as const;
  t.deepEqual(decodePkiOrder(JSON.stringify(order)), order);
});

test('an order to sign is decoded', (t) => {
  const identity = { clusterId: 'c1', role: 'worker', nodeId: 'n1' } as const;
  const node = { request: 'PEM', identity, alternativeNames: ['n1'], days: 30 };
  const order = {
    op: 'sign',
    authority: { certPath: '/c', keyPath: '/k' },
    nodes: [node],
  } as const;
  t.deepEqual(decodePkiOrder(JSON.stringify(order)), order);
});

for (const [title, json, message] of [
  ['no JSON', '', 'pki: order: invalid JSON'],
  ['an unknown operation', '{"op":"revoke"}', 'pki: order: op must be one of requests, sign'],
  [
    'a request without a path',
    '{"op":"requests","keys":[{"commonName":"n1"}]}',
    'pki: order: keys[0].keyPath must be a string',
  ],
  [
    'an unknown role',
    '{"op":"sign","authority":{"certPath":"/c","keyPath":"/k"},"nodes":[{"request":"","identity":{"clusterId":"","role":"root","nodeId":""},"alternativeNames":[],"days":1}]}',
    'pki: order: nodes[0].identity.role must be one of worker, manager, client',
  ],
] as const) {
  test(`an order with ${title} is rejected`, (t) => {
    t.is(t.throws(() => decodePkiOrder(json)).message, message);
  });
}
