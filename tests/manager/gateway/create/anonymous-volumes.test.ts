import test from 'ava';
import { nameAnonymousVolumes } from '../../../../manager/gateway/create/anonymous-volumes.js';
import { decodeCreateBody } from '../../../../manager/gateway/create/create-body.js';
import { planMounts, type MountPlan } from '../../../../manager/gateway/create/mounts.js';

function planOf(value: object, imageVolumes: readonly string[] = []): MountPlan {
  const body = decodeCreateBody(value);
  const plan = planMounts(body.HostConfig ?? {});
  return nameAnonymousVolumes(plan, body, { imageVolumes, seed: 'seed' });
}

const targets = ({ mounts }: MountPlan): readonly string[] =>
  mounts.flatMap((mount) => (mount.type === 'volume' ? [mount.target] : []));

test('anonymous volumes of the request and of the image become volumes of the cluster', (t) => {
  const plan = planOf(
    {
      Volumes: { '/config': {}, '/named': {} },
      HostConfig: {
        Binds: ['/bind', 'data:/named'],
        Mounts: [{ Type: 'volume', Target: '/mount', VolumeOptions: { Labels: { a: 'b' } } }],
        Tmpfs: { '/tmp': '' },
      },
    },
    ['/image/', '/tmp', '/bind'],
  );
  t.deepEqual(targets(plan), ['/bind', '/named', '/mount', '/config', '/image']);
  const anonymous = plan.volumes.filter(({ labels }) => 'com.docker.volume.anonymous' in labels);
  t.is(anonymous.length, 4);
  t.true(anonymous.every(({ name }) => /^[0-9a-f]{64}$/u.test(name)));
  t.is(new Set(anonymous.map(({ name }) => name)).size, 4);
  t.like(anonymous[1]?.labels, { a: 'b' });
  t.deepEqual(planOf({ HostConfig: { Binds: ['/x'] } }), planOf({ HostConfig: { Binds: ['/x'] } }));
});

test("a container that is removed after its exit leaves them the engine's", (t) => {
  const plan = planOf({ Volumes: { '/a': {} }, HostConfig: { AutoRemove: true, Binds: ['/b'] } });
  t.deepEqual(plan.volumes, []);
  t.deepEqual(targets(plan), ['/b']);
});

test("other containers' volumes may cover the image's paths", (t) => {
  t.deepEqual(targets(planOf({ HostConfig: { VolumesFrom: ['db'] } }, ['/data'])), []);
});
