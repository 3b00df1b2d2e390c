import test from 'ava';
import { isPermittedRequest } from '../../../../../manager/common/protocol/engine/engine-request.js';

test('images, builds and the containers of tasks may be requested', (t) => {
  for (const [method, path] of [
    ['GET', '/images/registry:5000/a/b:1/json?manifests=1'],
    ['POST', '/images/create?fromImage=a&tag=1'],
    ['DELETE', '/images/a%2Fb:1?force=1'],
    ['POST', '/session'],
    ['PUT', '/containers/:container/archive?path=%2Fx'],
    ['HEAD', '/containers/:container/archive?path=%2Fx'],
  ] as const) {
    t.true(isPermittedRequest({ method, path }), `${method} ${path}`);
  }
});

test('containers outside the cluster and paths that escape the list are refused', (t) => {
  for (const [method, path] of [
    ['POST', '/containers/create'],
    ['GET', '/containers/json'],
    ['GET', '/containers/0123456789ab/archive?path=%2F'],
    ['DELETE', '/containers/:container'],
    ['POST', '/containers/:container/exec'],
    ['DELETE', '/images/../containers/x'],
    ['DELETE', '/images/%2e%2E/containers/x'],
    ['DELETE', '/images//containers'],
    ['GET', '/images/a\r\nHost: x/json'],
    ['POST', '/volumes/prune'],
  ] as const) {
    t.false(isPermittedRequest({ method, path }), `${method} ${path}`);
  }
});
