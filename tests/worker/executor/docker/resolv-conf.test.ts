import test from 'ava';
import { formatResolvConf } from '../../../../worker/executor/docker/resolv-conf.js';

test('resolv.conf has the worker’s DNS server as its only nameserver and ndots:0', (t) => {
  const host = 'search corp.example lan\nnameserver 192.0.2.53\n';
  const nameserver = '10.0.0.1';
  t.is(
    formatResolvConf({ nameserver, search: [], options: [], host }),
    'nameserver 10.0.0.1\nsearch corp.example lan\noptions ndots:0 timeout:2 attempts:4\n',
  );
  t.is(
    formatResolvConf({ nameserver, search: ['a'], options: ['ndots:2', 'rotate'], host }),
    'nameserver 10.0.0.1\nsearch a\noptions ndots:2 rotate timeout:2 attempts:4\n',
  );
  t.is(
    formatResolvConf({ nameserver, search: ['.'], options: [], host }),
    'nameserver 10.0.0.1\noptions ndots:0 timeout:2 attempts:4\n',
  );
});
