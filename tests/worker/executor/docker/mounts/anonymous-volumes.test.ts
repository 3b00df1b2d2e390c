import test from 'ava';
import type { MountSpec } from '../../../../../manager/common/model/container.js';
import {
  anonymousTargets,
  reuseAnonymousVolumes,
  type AnonymousVolumeInput,
  type VolumeOwner,
} from '../../../../../worker/executor/docker/mounts/anonymous-volumes.js';

const [older, newer, third] = ['a', 'b', 'c'].map((digit) => digit.repeat(64)) as [
  string,
  string,
  string,
];

const unnamed: MountSpec = { type: 'volume', target: '/data', readOnly: false, noCopy: false };

function containerWith(
  volumes: Readonly<Record<string, string>>,
  changes: Partial<VolumeOwner> = {},
): VolumeOwner {
  const Mounts = Object.entries(volumes).map(([Destination, Name]) => ({
    ...{ Type: 'volume', Name, Destination },
  }));
  return { State: 'exited', Labels: {}, Mounts, ...changes };
}

function reuse(changes: {
  readonly mounts?: readonly MountSpec[];
  readonly tmpfs?: Readonly<Record<string, string>>;
  readonly renewedAt?: number;
  readonly imageVolumes?: readonly string[];
  readonly inherited?: readonly string[];
  readonly previous?: AnonymousVolumeInput['previous'];
}) {
  const { mounts = [], tmpfs, renewedAt } = changes;
  const { mounts: planned, reused } = reuseAnonymousVolumes({
    container: {
      ...{ mounts, files: [] },
      hostConfig: tmpfs === undefined ? {} : { Tmpfs: tmpfs },
      ...(renewedAt === undefined ? {} : { volumesRenewedAt: renewedAt }),
    },
    imageVolumes: changes.imageVolumes ?? [],
    inherited: changes.inherited ?? [],
    labels: { 'io.shoal.slot': '1' },
    previous: changes.previous ?? [],
  });
  const sources = planned.map((mount) => [
    mount.target,
    mount.type === 'volume' ? (mount.source ?? 'new') : mount.type,
  ]);
  return { sources: Object.fromEntries(sources) as Record<string, string>, reused };
}

test('the first container of a slot gets new volumes', (t) => {
  t.deepEqual(reuse({ mounts: [unnamed], imageVolumes: ['/cache'] }), {
    sources: { '/data': 'new', '/cache': 'new' },
    reused: [],
  });
});

test('volumes of the file and of the image are passed on at their paths', (t) => {
  const previous = [containerWith({ '/data': older, '/cache': newer, '/gone': third })];
  t.deepEqual(reuse({ mounts: [unnamed], imageVolumes: ['/cache'], previous }), {
    sources: { '/data': older, '/cache': newer },
    reused: [older, newer],
  });
});

test('each path gets the volume of the newest container that has one there', (t) => {
  const previous = [containerWith({ '/cache': newer }), containerWith({ '/data': older })];
  const { sources } = reuse({ mounts: [unnamed], imageVolumes: ['/cache'], previous });
  t.deepEqual(sources, { '/data': older, '/cache': newer });
});

test('named volumes, binds and files of previous containers are not passed on', (t) => {
  const previous = [containerWith({ '/data': 'app_data' })];
  t.deepEqual(reuse({ mounts: [unnamed], previous }).sources, { '/data': 'new' });
  const bind = { Type: 'bind', Destination: '/data' };
  const bound = [containerWith({}, { Mounts: [bind] })];
  t.deepEqual(reuse({ mounts: [unnamed], previous: bound }).sources, { '/data': 'new' });
});

test('a container that is being removed passes nothing on', (t) => {
  const previous = [containerWith({ '/data': older }, { State: 'removing' })];
  t.deepEqual(reuse({ mounts: [unnamed], previous }).reused, []);
});

test('containers from before the last renewal pass nothing on, later ones do', (t) => {
  const before = containerWith({ '/data': older });
  const after = containerWith({ '/data': newer }, { Labels: { 'io.shoal.volumes-renewed': '7' } });
  const renewed = { mounts: [unnamed], renewedAt: 7 };
  t.deepEqual(reuse({ ...renewed, previous: [before] }).reused, []);
  t.deepEqual(reuse({ ...renewed, previous: [before, after] }).reused, [newer]);
  t.deepEqual(reuse({ ...renewed, renewedAt: 8, previous: [after] }).reused, []);
});

test('a rollback to the spec from before a renewal keeps the volumes', (t) => {
  const after = containerWith({ '/data': newer }, { Labels: { 'io.shoal.volumes-renewed': '7' } });
  t.deepEqual(reuse({ mounts: [unnamed], previous: [after] }).reused, [newer]);
});

test('a volume of the image gives way to anything mounted at its path', (t) => {
  const named: MountSpec = { ...unnamed, source: 'app_data' };
  const imageVolumes = ['/data', '/fast/', '/shared', 'cache', '/'];
  const { sources } = reuse({
    ...{ mounts: [named], tmpfs: { '/fast': '' }, inherited: ['/shared'], imageVolumes },
    previous: [
      containerWith({ '/data': older, '/fast': older, '/shared': older, '/cache': newer }),
    ],
  });
  t.deepEqual(sources, { '/data': 'app_data', '/cache': newer });
});

test('a path is compared as the engine reports it', (t) => {
  const previous = [containerWith({ '/data': older })];
  const { reused } = reuse({ mounts: [{ ...unnamed, target: '/data/' }], previous });
  t.deepEqual(reused, [older]);
});

test('a new volume is labelled with its slot and path, one that exists is left as it is', (t) => {
  const plan = (previous: AnonymousVolumeInput['previous']) =>
    reuseAnonymousVolumes({
      container: { mounts: [{ ...unnamed, labels: { a: 'b' } }], files: [], hostConfig: {} },
      ...{ imageVolumes: [], inherited: [], labels: { 'io.shoal.slot': '1' }, previous },
    }).mounts;
  const labels = { a: 'b', 'io.shoal.slot': '1', 'io.shoal.volume-target': '/data' };
  t.deepEqual(plan([]), [{ ...unnamed, labels }]);
  t.deepEqual(plan([containerWith({ '/data': older })]), [{ ...unnamed, source: older }]);
});

test('anonymous volumes are those that the engine named', (t) => {
  const { Mounts } = containerWith({ '/z': older, '/a': newer, '/named': 'app_data' });
  t.deepEqual(anonymousTargets([...Mounts, { Type: 'tmpfs', Destination: '/t' }]), ['/a', '/z']);
});
