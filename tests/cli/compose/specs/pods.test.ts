import type { ExecutionContext } from 'ava';
import test from 'ava';
import type { Project } from '../../../../cli/compose/model.js';
import {
  impliedDependencies,
  needsShareableIpc,
  podMembersOf,
  sharingOf,
  toMode,
} from '../../../../cli/compose/specs/pods.js';
import { loadFiles } from '../../../helpers/compose/load-files.js';

/** A project of services with an image and these keys, in flow style. */
function projectOf(t: ExecutionContext, services: Readonly<Record<string, string>>): Project {
  const lines = Object.entries(services).map(
    ([name, keys]) => `  ${name}: {image: x${keys === '' ? '' : `, ${keys}`}}\n`,
  );
  return loadFiles(t, { 'compose.yaml': `services:\n${lines.join('')}` }).project;
}

function refusal(t: ExecutionContext, run: () => unknown): string {
  return t.throws(run).message.replace(/^.*compose\.yaml/u, 'compose.yaml');
}

test('namespaces and volumes are shared with services, or containers, of the project', (t) => {
  const project = projectOf(t, {
    a: '',
    b: 'network_mode: "service:a", ipc: "service:a", pid: "container:shop-a-1"',
    c: 'volumes_from: [a, "b:ro", "container:shop-a-1:rw"]',
    d: 'network_mode: host, ipc: host, pid: host',
  });
  t.deepEqual(sharingOf(project, 'b'), { network: 'a', ipc: 'a', pid: 'a', volumes: [] });
  t.deepEqual(sharingOf(project, 'c'), {
    volumes: [
      { service: 'a', readOnly: false },
      { service: 'b', readOnly: true },
      { service: 'a', readOnly: false },
    ],
  });
  t.deepEqual(sharingOf(project, 'd'), { volumes: [] });
  t.deepEqual(sharingOf(project, 'unknown'), { volumes: [] });
});

test('a pod has all services that share with each other, a service alone only itself', (t) => {
  const project = projectOf(t, {
    a: '',
    b: 'network_mode: "service:a"',
    c: 'volumes_from: [b]',
    d: 'pid: "service:e"',
    e: '',
    f: '',
  });
  for (const name of ['a', 'b', 'c']) {
    t.deepEqual([...podMembersOf(project, name)].sort(), ['a', 'b', 'c']);
  }
  t.deepEqual([...podMembersOf(project, 'e')].sort(), ['d', 'e']);
  t.deepEqual(podMembersOf(project, 'f'), ['f']);
  t.deepEqual(podMembersOf(project, 'unknown'), ['unknown']);
});

test('only a service whose IPC namespace is shared must be shareable', (t) => {
  const project = projectOf(t, { a: '', b: 'ipc: "service:a"', c: 'pid: "service:b"' });
  t.true(needsShareableIpc(project, 'a'));
  t.false(needsShareableIpc(project, 'b'));
  t.false(needsShareableIpc(project, 'c'));
});

test('a container is found by its own name, or that of its service, unless it is scaled', (t) => {
  const shared = (name: string, keys: string): string | undefined =>
    sharingOf(projectOf(t, { a: keys, b: `pid: "container:${name}"` }), 'b').pid;
  t.is(shared('mine', 'container_name: mine'), 'a');
  t.is(shared('shop-a-1', ''), 'a');
  t.is(shared('shop-a-1', 'scale: 1'), 'a');
  t.is(shared('shop-a-1', 'deploy: {replicas: 1}'), 'a');
  const outside =
    'compose.yaml:3:20: services.b.pid: container "shop-a-1" is not in this project; name a service, whose node is known';
  for (const keys of [
    'container_name: mine',
    'scale: 2',
    'deploy: {replicas: 2}',
    'deploy: {mode: global}',
    'deploy: {mode: global-job}',
  ]) {
    t.is(refusal(t, () => shared('shop-a-1', keys)).replace(/:\d+:\d+:/u, ':3:20:'), outside);
  }
  t.is(shared('shop-a-1', 'scale: 1, deploy: {replicas: 1}'), 'a');
});

test('a container has the separator of the project in its name', (t) => {
  const file = 'services:\n  a: {image: x}\n  b: {image: x, pid: "container:shop_a_1"}\n';
  const { project } = loadFiles(t, { 'compose.yaml': file }, { options: { nameSeparator: '_' } });
  t.is(sharingOf(project, 'b').pid, 'a');
});

test('a service does not share with itself, and volumes have the mode ro or rw', (t) => {
  const own = projectOf(t, { a: 'pid: "container:shop-a-1"' });
  t.regex(
    refusal(t, () => sharingOf(own, 'a')),
    /services\.a\.pid: refers to the service itself; name another service$/u,
  );
  const wrong = projectOf(t, { a: '', b: 'volumes_from: ["a:x"]' });
  t.regex(
    refusal(t, () => sharingOf(wrong, 'b')),
    /services\.b\.volumes_from\.0: "x" is not a mode; use ro or rw$/u,
  );
});

test('a mode is replicated with one replica, unless the service says otherwise', (t) => {
  const modeOf = (keys: string) => toMode(projectOf(t, { a: keys }), 'a');
  t.deepEqual(modeOf(''), { kind: 'replicated', replicas: 1 });
  t.deepEqual(modeOf('scale: 3'), { kind: 'replicated', replicas: 3 });
  t.deepEqual(modeOf('scale: 0'), { kind: 'replicated', replicas: 0 });
  t.deepEqual(modeOf('deploy: {replicas: 2}'), { kind: 'replicated', replicas: 2 });
  t.deepEqual(modeOf('deploy: {mode: global}'), { kind: 'global' });
  t.deepEqual(modeOf('deploy: {mode: global-job}'), { kind: 'global', job: true });
  t.deepEqual(modeOf('deploy: {mode: replicated-job, replicas: 4}'), {
    kind: 'replicated',
    replicas: 4,
    job: true,
  });
});

test('all services of a pod have the mode and the number that one of them sets', (t) => {
  const pod = (a: string, b: string) => {
    const project = projectOf(t, { a, b: `network_mode: "service:a", ${b}` });
    return ['a', 'b'].map((name) => toMode(project, name));
  };
  const three = { kind: 'replicated', replicas: 3 } as const;
  t.deepEqual(pod('', 'scale: 3'), [three, three]);
  t.deepEqual(pod('deploy: {replicas: 3}', 'scale: 3'), [three, three]);
  t.deepEqual(pod('scale: 3', 'read_only: true'), [three, three]);
  t.regex(
    refusal(t, () => pod('scale: 2', 'scale: 3')),
    /services\.a\.scale: 2 replicas differ from 3 of service b in the same pod; use one number$/u,
  );
  t.regex(
    refusal(t, () => pod('scale: 2', 'deploy: {replicas: 3}')),
    /services\.a(\.deploy)?: 2 replicas differ from 3 of service b/u,
  );
  t.regex(
    refusal(t, () => pod('deploy: {mode: global}', 'read_only: true')),
    /services\.a\.deploy\.mode: mode global differs from mode replicated of service b in the same pod; use one mode$/u,
  );
});

test('sharing implies a dependency once, with a restart only for live namespaces', (t) => {
  const project = projectOf(t, {
    a: '',
    v: '',
    b: 'network_mode: "container:shop-a-1", ipc: "container:shop-a-1", volumes_from: ["container:shop-v-1", "container:shop-a-1"]',
    c: 'pid: "container:shop-a-1", depends_on: [a]',
  });
  const started = { condition: 'service_started', required: true } as const;
  t.deepEqual(impliedDependencies(project, 'b'), [
    { service: 'a', ...started, restart: true },
    { service: 'v', ...started, restart: false },
  ]);
  t.deepEqual(impliedDependencies(project, 'c'), []);
  t.deepEqual(impliedDependencies(project, 'a'), []);
});
