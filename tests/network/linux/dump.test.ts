import test from 'ava';
import { parseDump } from '../../../network/linux/dump.js';

test('parseDump reads the lists in the order of the commands', (t) => {
  const text = '[{"ifname":"lo"},{"ifname":"eth0"}]\n[]\n[{"dst":"default","dev":"eth0"}]\n';
  t.deepEqual(parseDump(text), {
    links: [{ ifname: 'lo' }, { ifname: 'eth0' }],
    neighbours: [],
    defaultRoutes: [{ dst: 'default', dev: 'eth0' }],
  });
});

test('a dump that ends early is refused, so that missing lists are not taken for empty ones', (t) => {
  t.throws(() => parseDump('[]\n[]\n'), { message: /printed 2 of 3 lists/u });
  t.throws(() => parseDump('[]\n[]\nDump was interrupted\n'), {
    message: 'ip -j -d route show default printed invalid JSON',
  });
});
