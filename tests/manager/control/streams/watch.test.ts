import test from 'ava';
import type { Secret } from '../../../../manager/common/model/secret.js';
import { deltasOf, snapshotOf } from '../../../../manager/control/streams/watch.js';
import type { Commit } from '../../../../manager/store/store.js';
import { openTestStore } from '../../../helpers/stores/memory-store.js';

test('secrets are watched only with the data flag and without their content', async (t) => {
  const store = await openTestStore();
  const commits: Commit[] = [];
  store.watch((commit) => commits.push(commit));
  await store.update('control', (tx) => {
    const spec = { name: 'token', project: 'demo', key: 'token', labels: {} };
    tx.create('secrets', { id: 's1' as Secret['id'], spec, data: 'aHVudGVyMg==' });
  });
  const [commit] = commits;
  if (commit === undefined) throw new Error('no commit');
  t.deepEqual(deltasOf(commit, undefined), []);
  const told = deltasOf(commit, undefined, true);
  t.is(told.length, 1);
  t.like(told[0], { kind: 'put', table: 'secrets' });
  t.notRegex(JSON.stringify([told, snapshotOf(store.view, undefined, true)]), /aHVud/u);
  t.is(snapshotOf(store.view, undefined, true).kind, 'snapshot');
  t.false('secrets' in snapshotOf(store.view, undefined));
  t.deepEqual(deltasOf(commit, 'another', true), []);
});
