import test from 'ava';
import { readMeta } from '../../../../manager/store/consul/fence.js';

const cluster = { id: 'c1', name: 'test' };
const meta = { format: 1, clusterId: 'c1', clusterName: 'test', epoch: 3 };

function read(text: string): unknown {
  return readMeta('shoal/meta', Buffer.from(text), cluster);
}

test('a meta record without an owner is read', (t) => {
  t.deepEqual(read(JSON.stringify(meta)), { ...meta, owner: '' });
});

for (const [title, text] of [
  ['no JSON', '{'],
  ['null', 'null'],
  ['a list', '[]'],
  ['an epoch that is text', JSON.stringify({ ...meta, epoch: '3' })],
  ['an owner that is a number', JSON.stringify({ ...meta, owner: 3 })],
] as const) {
  test(`a meta record with ${title} is rejected`, (t) => {
    const message = 'consul key shoal/meta: was not written by shoal; choose another prefix';
    t.is(t.throws(() => read(text)).message, message);
  });
}

test('a meta record of a newer format or another cluster is rejected', (t) => {
  t.regex(t.throws(() => read(JSON.stringify({ ...meta, format: 2 }))).message, /is newer than/u);
  t.regex(
    t.throws(() => read(JSON.stringify({ ...meta, clusterId: 'c2' }))).message,
    /belongs to cluster test \(c2\), not to test \(c1\)/u,
  );
});
