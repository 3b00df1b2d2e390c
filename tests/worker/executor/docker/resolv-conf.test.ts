import test from 'ava';
import { formatResolvConf, hostServers } from '../../../../worker/executor/docker/resolv-conf.js';

test('resolv.conf has the worker’s DNS server as its only nameserver and ndots:0', (t) => {
  const host = 'search corp.example lan\nnameserver 192.0.2.53\n';
  const nameserver = '10.0.0.1';
  t.is(
    formatResolvConf({ nameservers: [nameserver], search: [], options: [], host }),
    'nameserver 10.0.0.1\nsearch corp.example lan\noptions ndots:0 timeout:2 attempts:4\n',
  );
  t.is(
    formatResolvConf({
      nameservers: [nameserver],
      search: ['a'],
      options: ['ndots:2', 'rotate'],
      host,
    }),
    'nameserver 10.0.0.1\nsearch a\noptions ndots:2 rotate timeout:2 attempts:4\n',
  );
  t.is(
    formatResolvConf({ nameservers: [nameserver], search: ['.'], options: [], host }),
    'nameserver 10.0.0.1\noptions ndots:0 timeout:2 attempts:4\n',
  );
});

for (const [title, host, search] of [
  ['a comment ends the list', 'search corp.example # office', 'search corp.example\n'],
  ['a semicolon starts a comment', 'search a.example b.example ;c', 'search a.example b.example\n'],
  ['a line that is a comment is skipped', '#search a.example\n; search b.example', ''],
  ['an indented keyword is no keyword', ' search a.example', ''],
  ['a keyword needs a blank after it', 'searching a.example', ''],
  ['tabs separate names', 'search\ta.example\tb.example\t', 'search a.example b.example\n'],
  ['a domain line has one name', 'domain a.example b.example', 'search a.example\n'],
  ['the last line wins', 'search a.example\ndomain b.example', 'search b.example\n'],
  [
    'a line without a name changes nothing',
    'search a.example\nsearch # none',
    'search a.example\n',
  ],
] as const) {
  test(`the host's search list: ${title}`, (t) => {
    const text = formatResolvConf({ nameservers: ['10.0.0.1'], search: [], options: [], host });
    t.is(text, `nameserver 10.0.0.1\n${search}options ndots:0 timeout:2 attempts:4\n`);
  });
}

test("a container on the engine's bridge has the machine's servers, but none on a loopback address", (t) => {
  const host = 'nameserver 127.0.0.53\nnameserver 192.0.2.1\n# nameserver 192.0.2.2\n';
  t.deepEqual(hostServers([], host), ['192.0.2.1']);
  t.deepEqual(hostServers(['192.0.2.9'], host), ['192.0.2.9']);
  t.deepEqual(hostServers([], 'nameserver ::1\n'), ['8.8.8.8', '8.8.4.4']);
});
