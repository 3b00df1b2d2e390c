import test from 'ava';
import fc from 'fast-check';
import type { RecordSize } from '../../../manager/control/audit-ring.js';
import { AuditRing } from '../../../manager/control/audit-ring.js';

const bytes = 1_000;
const ring = (records = 100): AuditRing => new AuditRing({ records, bytes });

/** Writes records one after the other and returns the kept ones, oldest first. */
function written(target: AuditRing, records: readonly RecordSize[]): readonly RecordSize[] {
  const kept = new Map<string, RecordSize>();
  for (const record of records) {
    for (const id of target.evictionsFor([record])) {
      target.remove(id);
      kept.delete(id);
    }
    target.add(record);
    kept.set(record.id, record);
  }
  return [...kept.values()];
}

const total = (records: readonly RecordSize[]): number =>
  records.reduce((sum, { size }) => sum + Math.max(size, 10), 0);

const history = fc
  .array(
    fc.record({ who: fc.constantFrom('a', 'b', 'c', 'd'), size: fc.integer({ min: 1, max: 90 }) }),
    {
      maxLength: 400,
    },
  )
  .map((records) => records.map((record, index) => ({ ...record, id: String(index) })));

test('a client below its fair share keeps every record, whatever others write', (t) => {
  fc.assert(
    fc.property(history, (records) => {
      const kept = new Set(written(ring(), records).map(({ id }) => id));
      const clients = new Set(records.map(({ who }) => who));
      for (const client of clients) {
        const own = records.filter(({ who }) => who === client);
        if (total(own) > bytes / clients.size) continue;
        if (own.some(({ id }) => !kept.has(id))) return false;
      }
      return true;
    }),
  );
  t.pass();
});

test('the records stay within the limits, and each client loses its oldest first', (t) => {
  fc.assert(
    fc.property(history, (records) => {
      const kept = written(ring(), records);
      const ids = new Set(kept.map(({ id }) => id));
      for (const client of new Set(records.map(({ who }) => who))) {
        const own = records.filter(({ who }) => who === client);
        const firstKept = own.findIndex(({ id }) => ids.has(id));
        if (firstKept >= 0 && own.slice(firstKept).some(({ id }) => !ids.has(id))) return false;
      }
      return total(kept) <= bytes && kept.length <= 100;
    }),
  );
  t.pass();
});

test('the room of others is used until they need it', (t) => {
  const flood = Array.from({ length: 300 }, (_, index) => ({
    id: `f${index}`,
    who: 'ci',
    size: 10,
  }));
  const target = ring();
  t.is(written(target, flood).length, 100);
  t.deepEqual(target.evictionsFor([{ id: 'x', who: 'ada', size: 20 }]), ['f200', 'f201']);
});

test('records that are added together evict together and change nothing before', (t) => {
  const target = ring(3);
  written(
    target,
    ['1', '2', '3'].map((id) => ({ id, who: 'ci', size: 1 })),
  );
  const added = ['4', '5'].map((id) => ({ id, who: 'ada', size: 1 }));
  t.deepEqual(target.evictionsFor(added), ['1', '2']);
  t.deepEqual(target.evictionsFor(added), ['1', '2']);
});
