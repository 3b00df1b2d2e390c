import test from 'ava';
import { findContainer } from '../../../../manager/gateway/find-container.js';
import {
  withNodeDetails,
  inspectFromStore,
} from '../../../../manager/gateway/translate/inspect.js';
import { ids, view } from '../../../helpers/stores/container-view.js';

test("inspect adds the node and its address to the engine's record", async (t) => {
  const all = await view();
  const item = findContainer(all, 'demo-web-1');
  const record = {
    Id: ids.web1,
    Name: '/renamed',
    Config: { Image: 'shop/web', Labels: {} },
    NetworkSettings: {
      Ports: {
        '80/tcp': [
          { HostIp: '0.0.0.0', HostPort: '8080' },
          { HostIp: '::', HostPort: '8080' },
        ],
        '81/tcp': null,
      },
    },
  };
  const shown = withNodeDetails(record, item, { view: all, clusterId: 'c1', now: 0 }) as {
    readonly Name: string;
    readonly Config: { readonly Image: string; readonly Labels: Readonly<Record<string, string>> };
    readonly NetworkSettings: { readonly Ports: unknown };
    readonly Node: { readonly Name: string; readonly IP: string };
  };
  t.is(shown.Name, '/demo-web-1');
  t.deepEqual(shown.NetworkSettings.Ports, {
    '80/tcp': [{ HostIp: '192.0.2.2', HostPort: '8080' }],
    '81/tcp': null,
  });
  t.is(shown.Config.Image, 'shop/web');
  t.is(shown.Config.Labels['com.docker.compose.service'], 'web');
  t.is(shown.Node.Name, 'beta');
});

test('inspect of a container on an unreachable node returns the stored record', async (t) => {
  const all = await view();
  const shown = inspectFromStore(findContainer(all, ids.lost), {
    view: all,
    clusterId: 'c1',
    now: 0,
  }) as { readonly State: { readonly Error: string }; readonly Config: { readonly Image: string } };
  t.is(shown.State.Error, 'node gamma is down');
  t.is(shown.Config.Image, 'shop/web');
});
