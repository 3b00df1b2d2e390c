import test from 'ava';
import { array, constantFrom, assert, property } from 'fast-check';
import {
  allows,
  changePolicy,
  closedPolicy,
  isWithin,
  normalizeCapability,
  normalizePath,
} from '../../../../../manager/common/model/trust/project-policy.js';

test('paths are normalised by their segments', (t) => {
  t.is(normalizePath('/srv/shop/'), '/srv/shop');
  t.is(normalizePath('//srv/./shop//data'), '/srv/shop/data');
  t.is(normalizePath('/srv/shop/../../etc'), '/etc');
  t.is(normalizePath('/../..'), '/');
  t.is(normalizePath('srv/shop'), undefined);
  t.is(normalizePath(''), undefined);
  t.is(normalizePath('/srv\0/shop'), undefined);
});

test('no spelling of a path leaves an allowed folder', (t) => {
  const policy = { ...closedPolicy, bindPaths: ['/srv/shop'] };
  const spelling = array(constantFrom('..', '.', '', 'srv', 'shop', 'shop2', 'etc'));
  assert(
    property(spelling, (segments) => {
      const path = normalizePath(`/${segments.join('/')}`) ?? '';
      // The reference resolves the segments one by one, as the kernel does without links.
      const resolved: string[] = [];
      for (const segment of segments) {
        if (segment === '..') resolved.pop();
        else if (segment !== '' && segment !== '.') resolved.push(segment);
      }
      const isInside = resolved[0] === 'srv' && resolved[1] === 'shop';
      return allows(policy, { kind: 'bind', path }) === isInside;
    }),
  );
  t.pass();
});

test('a folder contains itself and what is below it, not its neighbours', (t) => {
  t.true(isWithin('/srv/shop', '/srv/shop'));
  t.true(isWithin('/srv/shop/data', '/srv/shop'));
  t.false(isWithin('/srv/shopping', '/srv/shop'));
  t.false(isWithin('/srv', '/srv/shop'));
  t.true(isWithin('/etc', '/'));
});

test('capabilities are compared without prefix and case; ALL and privileged include them', (t) => {
  t.is(normalizeCapability('cap_net_admin'), 'NET_ADMIN');
  const right = { kind: 'capability', name: 'NET_ADMIN' } as const;
  t.false(allows(closedPolicy, right));
  t.true(allows({ ...closedPolicy, capabilities: ['NET_ADMIN'] }, right));
  t.false(allows({ ...closedPolicy, capabilities: ['NET_RAW'] }, right));
  t.true(allows({ ...closedPolicy, capabilities: ['ALL'] }, right));
  t.true(allows({ ...closedPolicy, privileged: true }, right));
});

test('each right needs its own allowance', (t) => {
  const rights = ['privileged', 'host-namespaces', 'engine-socket'] as const;
  const allowed = (policy: typeof closedPolicy): readonly string[] =>
    rights.filter((kind) => allows(policy, { kind }));
  t.deepEqual(allowed(closedPolicy), []);
  t.deepEqual(allowed({ ...closedPolicy, privileged: true }), ['privileged']);
  t.deepEqual(allowed({ ...closedPolicy, hostNamespaces: true }), ['host-namespaces']);
  t.deepEqual(allowed({ ...closedPolicy, engineSocket: true }), ['engine-socket']);
  const open = { ...closedPolicy, privileged: true, bindPaths: ['/srv'] };
  t.false(allows(open, { kind: 'bind', path: '/etc' }));
});

test('a change adds what it allows and takes what it denies', (t) => {
  const first = changePolicy(
    closedPolicy,
    { privileged: true, bindPaths: ['/srv/b', '/srv/a'], capabilities: ['NET_RAW'] },
    {},
  );
  t.deepEqual(first, {
    ...closedPolicy,
    privileged: true,
    bindPaths: ['/srv/a', '/srv/b'],
    capabilities: ['NET_RAW'],
  });
  const second = changePolicy(first, { bindPaths: ['/srv/a'] }, { bindPaths: ['/srv/b'] });
  t.deepEqual(second.bindPaths, ['/srv/a']);
  const denied = { privileged: true, bindPaths: ['/srv/a'], capabilities: ['NET_RAW'] };
  t.deepEqual(changePolicy(second, {}, denied), closedPolicy);
});
