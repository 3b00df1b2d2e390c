import test from 'ava';
import fc from 'fast-check';
import { isAppError } from '../../../../manager/common/base/errors.js';
import type { BackupRecord } from '../../../../manager/common/protocol/backup.js';
import {
  BackupReader,
  isSealedRecord,
  writeBackup,
} from '../../../../manager/common/protocol/backup.js';

const header = {
  clusterId: 'c1',
  clusterName: 'shop',
  index: 42,
  at: '2026-01-02T03:04:05.000Z',
  version: '0.1.0',
};
const records = Array.from({ length: 30 }, (_, n) => ({
  table: n % 2 === 0 ? 'tasks' : 'nodes',
  value: { id: `x${n}`, text: 'ü\n"'.repeat(n) },
}));
const text = [...writeBackup(header, records)].join('');
const bytes = Buffer.from(text);

function read(data: Uint8Array): readonly BackupRecord[] {
  const found: BackupRecord[] = [];
  const reader = new BackupReader('b', (record) => found.push(record));
  reader.push(data);
  reader.finish();
  return found;
}

test('a backup round-trips however its bytes are chunked', (t) => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1 }), (sizes) => {
      const found: BackupRecord[] = [];
      const reader = new BackupReader('b', (record) => found.push(record));
      let at = 0;
      for (let n = 0; at < bytes.length; n += 1) {
        const size = sizes[n % sizes.length] ?? 1;
        reader.push(bytes.subarray(at, at + size));
        at += size;
      }
      t.deepEqual(reader.finish(), { header, count: records.length });
      t.deepEqual(found, records);
    }),
    { numRuns: 50 },
  );
});

test('a backup truncated at any byte is rejected', (t) => {
  for (let length = 0; length < bytes.length; length += 1) {
    const error = t.throws(() => read(bytes.subarray(0, length)));
    t.true(isAppError(error) && error.kind === 'invalid', `cut to ${length}`);
  }
});

test('a backup with a changed, added or lost byte is rejected', (t) => {
  for (let at = 0; at < bytes.length; at += 1) {
    const changed = Buffer.from(bytes);
    changed.writeUInt8((bytes[at] ?? 0) ^ 1, at);
    const lost = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]);
    for (const damaged of [changed, lost]) {
      t.throws(() => read(damaged), undefined, `byte ${at}`);
    }
  }
  t.throws(() => read(Buffer.from(`${text}{"table":"tasks","value":{"id":"y"}}\n`)), {
    message: 'b: backup is damaged: data after the trailer',
  });
});

test('a file that is not a backup and a backup of a newer format give different errors', (t) => {
  t.throws(() => read(Buffer.from('{"some":"json"}\n')), {
    message: 'b: not a backup of a shoal store; check the path',
  });
  t.throws(() => read(Buffer.alloc(1_000_000, 7)), {
    message: 'b: not a backup of a shoal store; check the path',
  });
  const newer = text.replace('"shoalBackup":2', '"shoalBackup":3');
  t.throws(() => read(Buffer.from(newer)), {
    message: 'b: backup format 3 is newer than the supported format 2; upgrade shoal',
  });
});

test('a record is sealed if one of its values is, at any depth', (t) => {
  const sealed = { key: 'k', nonce: 'n', tag: 't', text: 'x' };
  t.true(isSealedRecord({ id: 's', data: sealed }));
  t.true(isSealedRecord({ spec: { hooks: [{ env: {} }, { env: { sealed } }] } }));
  t.false(isSealedRecord({ id: 's', data: 'eA==', spec: { env: { key: 'a', text: 'b' } } }));
});
