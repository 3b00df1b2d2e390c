import test from 'ava';
import { findContainer } from '../../../../manager/gateway/find-container.js';
import { toContainer } from '../../../../manager/gateway/translate/container.js';
import { view } from '../../../helpers/stores/container-view.js';

test('published ports show the address of their node once', async (t) => {
  const all = await view();
  const item = findContainer(all, 'demo-web-1');
  const shown = toContainer(item, { view: all, clusterId: 'c1', now: 10_000 }) as {
    readonly Ports: unknown;
    readonly Labels: Readonly<Record<string, string>>;
    readonly Status: string;
  };
  t.deepEqual(shown.Ports, [{ IP: '192.0.2.2', PrivatePort: 80, PublicPort: 8080, Type: 'tcp' }]);
  t.is(shown.Labels['com.docker.compose.project'], 'demo');
  t.is(shown.Labels['io.shoal.node.name'], 'beta');
  t.is(shown.Status, 'Up 6 seconds');
});

test('the list shows addresses on overlay networks', async (t) => {
  const all = await view();
  const item = findContainer(all, 'demo-redis-1');
  const shown = toContainer(item, { view: all, clusterId: 'c1', now: 0 }) as {
    readonly NetworkSettings: { readonly Networks: Readonly<Record<string, object>> };
  };
  const endpoint = shown.NetworkSettings.Networks.demo_default as Readonly<Record<string, unknown>>;
  t.is(endpoint.IPAddress, '10.1.0.2');
  t.is(endpoint.IPPrefixLen, 16);
});
