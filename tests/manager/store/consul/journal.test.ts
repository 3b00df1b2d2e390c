import test from 'ava';
import type { DurableWrite } from '../../../../manager/store/backend.js';
import {
  decodeJournalCommit,
  journalCommitOf,
  packJournal,
  unpackJournal,
} from '../../../../manager/store/consul/journal.js';

test('the commit record of a journal round-trips', async (t) => {
  const pieces = await packJournal([{ table: 'nodes', id: 'n1', value: { id: 'n1' } }]);
  const commit = journalCommitOf('b1', pieces);
  t.deepEqual(decodeJournalCommit('commit', Buffer.from(JSON.stringify(commit))), commit);
});

test('the writes of a journal round-trip, and a malformed write is refused', async (t) => {
  const writes = [
    { table: 'nodes', id: 'n1', value: { id: 'n1' } },
    { table: 'tasks', id: 't1', value: undefined },
  ] as const;
  const read = async (batch: readonly DurableWrite[]): Promise<readonly DurableWrite[]> => {
    const pieces = await packJournal(batch);
    return await unpackJournal(journalCommitOf('b1', pieces), pieces);
  };
  t.deepEqual(await read(writes), writes);
  await t.throwsAsync(read([{ table: 'routes' as 'nodes', id: 'r1', value: undefined }]), {
    message: /^consul journal b1: \[0\]\.table must be one of nodes, services/u,
  });
});

for (const [title, text, message] of [
  ['no JSON', '', 'consul key commit: invalid JSON'],
  ['null', 'null', 'consul key commit: the value must be an object'],
  ['no batch', '{"pieces":1,"checksum":1}', 'consul key commit: batch must be a string'],
  [
    'a negative number of pieces',
    '{"batch":"b1","pieces":-1,"checksum":1}',
    'consul key commit: pieces must be a non-negative integer',
  ],
] as const) {
  test(`a commit record with ${title} is rejected`, (t) => {
    t.is(t.throws(() => decodeJournalCommit('commit', Buffer.from(text))).message, message);
  });
}
