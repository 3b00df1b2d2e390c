import test from 'ava';
import { findRoute, routes } from '../../../manager/gateway/router.js';

test('every route declares its right', (t) => {
  for (const { method, pattern, right } of routes) {
    t.truthy(right, `${method} ${String(pattern)}`);
  }
});

test('routes that read or change what a container holds require the role deploy', (t) => {
  const requests = [
    ...['POST /containers/a/exec', 'POST /exec/a/start', 'POST /containers/a/attach'],
    ...['GET /containers/a/archive', 'PUT /containers/a/archive', 'GET /containers/a/export'],
    ...['POST /containers/a/kill', 'POST /containers/a/stop', 'POST /containers/a/restart'],
    ...['POST /commit', 'POST /build', 'POST /images/a/push', 'GET /images/a/get'],
  ];
  for (const request of requests) {
    const [method = '', path = ''] = request.split(' ');
    t.is(findRoute(method, path).right.role, 'deploy', `route ${request}`);
  }
});

test('no route that changes something is open to readers', (t) => {
  const open = routes.filter(({ method, right }) => method !== 'GET' && right.role === 'read');
  const refusals = open.filter(({ pattern }) => !String(pattern).includes('wait'));
  for (const { handler } of refusals) {
    t.is(handler.length, 0, 'only routes that always refuse have handlers without parameters');
  }
});
