import test from 'ava';
import { parseFdb, putFdbLine, removeFdbLines } from '../../../network/linux/fdb.js';
import { recorded } from '../../helpers/fakes/kernel-recording.js';

test('parseFdb returns tunnel entries, without learned and local entries of bridges', (t) => {
  const fdb = parseFdb(recorded('fdb'));
  t.deepEqual([...fdb.keys()], ['shvx5001', 'shvx5002']);
  const device = fdb.get('shvx5001');
  t.deepEqual([...(device?.tunnel ?? [])], [['02:42:0a:d2:00:0c', ['10.98.60.12']]]);
  t.deepEqual([...(device?.bridge ?? [])], ['02:42:0a:d2:00:0c']);
});

test('one line adds an entry to tunnel and bridge, and separate lines remove them', (t) => {
  const entry = { mac: '02:42:0a:d2:00:0c', address: '10.210.0.12', vtep: '10.98.60.12' };
  t.is(
    putFdbLine('shvx5001', entry),
    'fdb replace 02:42:0a:d2:00:0c dev shvx5001 dst 10.98.60.12 self master static',
  );
  t.deepEqual(removeFdbLines('shvx5001', entry.mac, entry.vtep, true), [
    'fdb del 02:42:0a:d2:00:0c dev shvx5001 master',
    'fdb del 02:42:0a:d2:00:0c dev shvx5001 dst 10.98.60.12 self',
  ]);
});
