import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { HostResolvers, parseResolvConf } from '../../../network/dns/resolvers.js';

test('nameserver lines accumulate, the last search line wins, comments are ignored', (t) => {
  const text = `# made by hand
nameserver 192.0.2.1   ; first
search example.org
nameserver not-an-address
nameserver 2001:db8::1
search Corp.example. lab.example
options ndots:2
`;
  t.deepEqual(parseResolvConf(text), {
    servers: ['192.0.2.1', '2001:db8::1'],
    searchDomains: ['corp.example', 'lab.example'],
  });
});

test('keywords start in the first column and a domain line has one name', (t) => {
  const text = ' nameserver 192.0.2.1\nsearch a.example # office\nsearch\n search b.example\n';
  t.deepEqual(parseResolvConf(text), { servers: [], searchDomains: ['a.example'] });
  t.deepEqual(parseResolvConf('domain a.example b.example\n').searchDomains, ['a.example']);
});

test('a lone dot is not a search domain', (t) => {
  t.deepEqual(parseResolvConf('search . a.example\n').searchDomains, ['a.example']);
});

test('a changed file is re-read and a missing file yields no servers', async (t) => {
  const dir = await mkdtemp(path.join(tmpdir(), 'resolvers-'));
  const file = path.join(dir, 'resolv.conf');
  let now = 0;
  const resolvers = new HostResolvers(file, { elapsed: () => now });
  await resolvers.refresh();
  t.deepEqual(resolvers.config.servers, []);
  await writeFile(file, 'nameserver 192.0.2.1\n');
  await resolvers.refresh();
  t.deepEqual(resolvers.config.servers, [], 'looked a moment ago');
  now += 1_000;
  await resolvers.refresh();
  t.deepEqual(resolvers.config.servers, ['192.0.2.1']);
  await rm(dir, { recursive: true });
});
