import test from 'ava';
import {
  decodeJournalCommit,
  journalCommitOf,
  packJournal,
} from '../../../../manager/store/consul/journal.js';

test('the commit record of a journal round-trips', async (t) => {
  const pieces = await packJournal([{ table: 'nodes', id: 'n1', value: { id: 'n1' } }]);
  const commit = journalCommitOf('b1', pieces);
  t.deepEqual(decodeJournalCommit('commit', Buffer.from(JSON.stringify(commit))), commit);
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
