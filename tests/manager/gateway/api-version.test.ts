import test from 'ava';
import { apiVersion, parseTarget } from '../../../manager/gateway/api-version.js';
import { findRoute } from '../../../manager/gateway/router.js';

test('paths are accepted with and without a version prefix', (t) => {
  t.is(parseTarget('/containers/json?all=1').path, '/containers/json');
  const target = parseTarget('/v1.41/containers/a%2Fb/json?size=1');
  t.is(target.path, '/containers/a/b/json');
  t.is(target.apiMinor, 41);
  t.is(target.query.get('size'), '1');
});

test("unsupported versions are rejected with the Docker Engine's messages", (t) => {
  t.throws(() => parseTarget('/v1.99/info'), {
    message: `client version 1.99 is too new. Maximum supported API version is ${apiVersion}`,
  });
  t.throws(() => parseTarget('/v2.0/info'), { message: /client version 2\.0 is too new/ });
  t.throws(() => parseTarget('/v1.12/info'), {
    message:
      'client version 1.12 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version',
  });
});

test('invalid percent-encoding in a path is a client error', (t) => {
  t.throws(() => parseTarget('/containers/%zz/json'), { message: /invalid percent-encoding/ });
});

test('HEAD is routed like GET, and unknown paths are not found', (t) => {
  t.is(findRoute('HEAD', '/_ping').handler, findRoute('GET', '/_ping').handler);
  t.deepEqual(findRoute('GET', '/containers/node-1/web/json').names, ['node-1/web']);
  t.throws(() => findRoute('GET', '/nothing'), { message: 'page not found' });
  t.throws(() => findRoute('PATCH', '/info'), { message: 'page not found' });
});
