import test from 'ava';
import { aVolume } from '../../../../fixtures/cluster/build.js';
import { AssignmentChangeBuilder } from '../../../../manager/dispatcher/assignments/assignment-change-builder.js';

const spec = (name: string) => aVolume(name).spec;

test('a change lists new items and removed ids by kind, in order', (t) => {
  const draft = new AssignmentChangeBuilder();
  draft.upsert('volumes', 'a', spec('a'));
  draft.upsert('volumes', 'b', spec('b'));
  draft.remove('volumes', 'c');
  draft.remove('networks', 'n1');
  draft.remove('networks', 'n2');
  t.deepEqual(draft.finish(7), {
    sequence: 7,
    upsert: { volumes: [spec('a'), spec('b')] },
    remove: { volumes: ['c'], networks: ['n1', 'n2'] },
  } as unknown as ReturnType<typeof draft.finish>);
});

test('the last change of an item wins', (t) => {
  const draft = new AssignmentChangeBuilder();
  draft.upsert('volumes', 'a', spec('a'));
  draft.remove('volumes', 'a');
  draft.remove('volumes', 'b');
  draft.upsert('volumes', 'b', spec('b'));
  const { upsert, remove } = draft.finish(1);
  t.deepEqual(upsert.volumes, [spec('b')]);
  t.deepEqual([...(remove.volumes ?? [])], ['a']);
});

test('a draft is empty until something changes', (t) => {
  const draft = new AssignmentChangeBuilder();
  t.true(draft.empty);
  draft.remove('volumes', 'a');
  t.false(draft.empty);
});
