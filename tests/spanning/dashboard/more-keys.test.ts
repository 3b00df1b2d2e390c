import test from 'ava';
import { aService, aTask } from '../../../fixtures/cluster/build.js';
import { InputReader } from '../../../cli/dashboard/terminal-input.js';
import {
  completeLine,
  completions,
} from '../../../cli/dashboard/view-model/update/command-line.js';
import { differences } from '../../../cli/dashboard/view-model/describe/differences.js';
import { namedKey, textKey } from '../../../cli/dashboard/view-model/update/key.js';
import { topScreen } from '../../../cli/dashboard/view-model/state/model.js';
import { onKey } from '../../../cli/dashboard/view-model/update/update.js';
import type { UpdateStatus } from '../../../manager/common/model/service.js';
import { DashboardSession, noFlags } from '../../helpers/fakes/dashboard-session.js';
import { lookAt, simulatedWorld, worldNow } from '../../helpers/fakes/world.js';

const small = { nodes: 3, services: 12, replicas: 2 };

test('restart, stop and kill of a task affect only that task', (t) => {
  const session = new DashboardSession(simulatedWorld(small)).type('5', 'j', 'r');
  t.deepEqual(session.requests(), [
    {
      name: 'service.restart',
      args: { project: 'shop1', services: ['web1'], taskIds: ['t0-2'] },
    },
  ]);
  session.type('n', 'K');
  t.deepEqual(session.requests(), [
    {
      name: 'service.kill',
      args: { project: 'shop1', services: ['web1'], taskIds: ['t0-2'], signal: 'SIGKILL' },
    },
  ]);
  session.type('n', 'ctrl-d');
  t.is(session.state.mode.kind, 'browse');
  t.regex(session.state.flash?.text ?? '', /scale its service/u);
});

test('[ and ] restrict every list to a project and lift the restriction', (t) => {
  const session = new DashboardSession(simulatedWorld(small)).type('4', ']');
  t.is(session.state.project, 'shop1');
  t.false(session.lines.some((line) => line.includes('web11')));
  session.type(']');
  t.true(session.lines.some((line) => line.includes('web11')));
  t.false(session.lines.some((line) => line.includes('web2 ')));
  session.type(']');
  t.is(session.state.project, undefined);
});

test('tab cycles through the sections of the overview, and enter opens one', (t) => {
  const session = new DashboardSession(simulatedWorld(small)).type(namedKey('tab'));
  t.true(session.lines.some((line) => line.startsWith('> Services by CPU')));
  session.type(namedKey('enter'));
  const top = topScreen(session.state);
  t.is(top.kind === 'list' ? top.view : top.kind, 'services');
});

test('a hotkey runs its command with the selected row, and a bad template is reported', (t) => {
  const hotkeys = { 'ctrl-t': 'exec --index {{.Slot}} {{.Service}} sh', x: 'ps {{.Nope}}' };
  const session = new DashboardSession(simulatedWorld(small), { hotkeys });
  session.state = { ...session.state };
  const look = { ...session.look, commands: [{ name: 'exec', summary: '' }] };
  session.type('5');
  const { effects } = onKey(session.state, textKey('t', true), look, session.listings);
  t.like(effects[0], { kind: 'run', words: ['exec', '--index', '1', 'web1', 'sh'] });
  session.type('x');
  t.regex(session.state.flash?.text ?? '', /hotkey ps .*field "Nope" is not defined/u);
});

test('completion offers subcommands, flags and matching names', (t) => {
  const words = {
    flags: [],
    children: { update: { flags: ['--availability', '--label-add'], children: {} } },
  };
  const commands = [
    { name: 'node', summary: '', words },
    { name: 'logs', summary: '', words: { flags: ['--follow'], children: {} } },
  ];
  const look = { ...lookAt(simulatedWorld(small)), commands };
  t.deepEqual(completions('node up', look), ['update']);
  t.deepEqual(completions('node update --av', look), ['--availability']);
  t.deepEqual(completions('node update node-3', look), []);
  t.deepEqual(completions('node update node-', look), ['node-1', 'node-2', 'node-3']);
  t.is(completeLine('logs --fo', look), 'logs --follow ');
  t.is(completeLine('scale web12', look), 'scale web12=');
});

test('secrets are listed with their services and never with their content', (t) => {
  const world = simulatedWorld(small);
  const meta = { version: 1, createdAt: worldNow - 60_000, updatedAt: worldNow };
  const spec = { name: 'db_password', project: 'shop1', key: 'db', labels: {} };
  const secret = { ...meta, id: 'sec1' as never, spec };
  const file = {
    kind: 'secret',
    source: 'db_password',
    target: '/run/secrets/x',
    uid: '0',
    gid: '0',
    mode: 0o444,
  } as const;
  const user = aService('api', { project: 'shop1', task: { container: { files: [file] } } });
  world.applyWatch({ kind: 'put', table: 'services', object: user });
  world.applyWatch({ kind: 'put', table: 'secrets', object: secret });
  const session = new DashboardSession(world);
  session.state = { ...session.state };
  for (const key of ':secrets') session.type(key);
  session.type(namedKey('enter'));
  t.true(session.lines.some((line) => /db_password +api +shop1 +\*{8}/u.test(line)));
  session.type('ctrl-d');
  t.deepEqual(session.requests(), [{ name: 'secret.remove', args: { name: 'db_password' } }]);
  world.applyWatch({ kind: 'remove', table: 'secrets', id: 'sec1' });
  session.type(namedKey('escape'));
  t.false(session.lines.some((line) => line.includes('db_password')));
});

test('R replaces the tasks of a service, B rolls it back; both show the effect and ask', (t) => {
  const world = simulatedWorld({ nodes: 1, services: 0, replicas: 0 });
  const image = (tag: string) => ({ container: { image: `web:${tag}` } });
  const former = aService('web', { project: 'shop', replicas: 2, task: image('1') });
  const service = aService('web', { project: 'shop', replicas: 2, task: image('2') });
  world.applyWatch({ kind: 'put', table: 'services', object: service });
  const args = { project: 'shop', services: ['web'] };
  const roll = new DashboardSession(world).type('4', 'R');
  t.deepEqual(roll.requests(), [{ name: 'service.roll', args }]);
  t.true(roll.lines.some((line) => line.includes('new ones of the same spec, 1 at a time')));
  const none = new DashboardSession(world).type('4', 'B');
  t.is(none.requests(), undefined);
  t.true(none.lines.some((line) => line.includes('shop/web has no previous spec')));
  const changed = { ...service, previousSpec: former.spec };
  world.applyWatch({ kind: 'put', table: 'services', object: changed });
  const back = new DashboardSession(world).type('4', 'B');
  t.deepEqual(back.requests(), [{ name: 'service.rollback', args }]);
  t.true(back.lines.some((line) => line.includes('web:2 back to web:1, 1 at a time')));
});

test('the state of an update is shown in the list and the description of a service', (t) => {
  const world = simulatedWorld({ nodes: 1, services: 0, replicas: 0 });
  const service = aService('web', { project: 'shop', replicas: 1 });
  const { taskHash } = service;
  const status = { kind: 'change', taskHash, startedAt: worldNow - 60_000, failed: [1] } as const;
  const message = 'web.1 on n1: exit 3';
  const shown = (
    updateStatus: Pick<UpdateStatus, 'state' | 'message'> & { endedAt?: number },
  ): DashboardSession => {
    const object = { ...service, updateStatus: { ...status, ...updateStatus } };
    world.applyWatch({ kind: 'put', table: 'services', object });
    return new DashboardSession(world).type('4');
  };
  t.true(shown({ state: 'running', message: '' }).lines.some((line) => line.includes('updating')));
  const paused = shown({ state: 'paused', endedAt: worldNow - 30_000, message });
  t.true(paused.lines.some((line) => line.includes('stuck')));
  paused.type('d');
  t.true(paused.lines.some((line) => line.includes(`update paused 30 seconds ago: ${message}`)));
});

test('the history of a service shows the changes of each version without environment values', (t) => {
  const world = simulatedWorld({ nodes: 1, services: 0, replicas: 0 });
  const former = aService('web', {
    project: 'shop',
    replicas: 1,
    task: { container: { image: 'web:1', env: { KEY: 'hunter2' } } },
  });
  const now = aService('web', {
    project: 'shop',
    replicas: 1,
    task: { container: { image: 'web:2', env: { KEY: 'hunter3' } } },
  });
  const service = { ...now, id: former.id, taskHash: 'new', previousSpec: former.spec };
  world.applyWatch({ kind: 'put', table: 'services', object: service });
  const old = aTask(former, 1, { id: 'a', state: 'shutdown', desired: 'shutdown' });
  const fresh = aTask(service, 1, { id: 'b' });
  for (const task of [
    { ...old, taskHash: 'old' },
    { ...fresh, taskHash: 'new' },
  ]) {
    world.applyWatch({ kind: 'put', table: 'tasks', object: task });
  }
  const session = new DashboardSession(world).type('4', 'h');
  t.true(session.lines.some((line) => /shop\/web +current +1\/1/u.test(line)));
  t.true(session.lines.some((line) => /shop\/web +replaced/u.test(line)));
  session.type('d');
  const text = session.lines.join('\n');
  t.regex(text, /container\.image\n +- web:1\n +\+ web:2/u);
  t.regex(text, /container\.env\.KEY\n/u);
  t.notRegex(text, /hunter/u);
});

test('differences are listed by path, and lists are compared as a whole', (t) => {
  t.deepEqual(differences({ a: 1, b: { c: [1], d: 'x' } }, { a: 1, b: { c: [2] }, e: true }), [
    { path: 'b.c', before: '[1]', after: '[2]' },
    { path: 'b.d', before: 'x', after: '-' },
    { path: 'e', before: '-', after: 'true' },
  ]);
});

test('y shows the object, o copies its published URL, and ctrl-s saves the list', (t) => {
  const world = simulatedWorld(small);
  const task = world.tasks.get('t0-1');
  if (task === undefined) throw new Error('no task');
  const ports = [{ target: 80, protocol: 'tcp', published: 8_080, hostIp: '0.0.0.0' }] as const;
  const env = { TOKEN: 'hunter2' };
  const spec = { ...task.spec, container: { ...task.spec.container, env } };
  world.applyWatch({
    kind: 'put',
    table: 'tasks',
    object: { ...task, spec, status: { ...task.status, ports } },
  });
  const session = new DashboardSession(world).type('5', 'o');
  t.deepEqual(session.effects.at(-1), { kind: 'copy', text: 'http://192.0.2.1:8080' });
  session.type('ctrl-s');
  const saved = session.effects.at(-1);
  t.true(saved?.kind === 'save' && saved.lines.length === 25);
  session.type('y');
  t.true(session.lines.some((line) => line.includes('"t0-1"')));
  const top = topScreen(session.state);
  t.is(top.kind, 'text');
  session.type('G');
  t.notRegex(session.lines.join('\n'), /hunter2/u);
});

test('pasted text is never read as keys, and fast typing always is', (t) => {
  const reader = new InputReader();
  const keys = reader.read('5/todoApp-1', noFlags);
  t.is(keys.kind === 'keys' && keys.keys.length, 11);
  t.deepEqual(reader.read('[200~', noFlags), { kind: 'keys', keys: [] });
  t.deepEqual(reader.read('K', noFlags), { kind: 'keys', keys: [] });
  t.deepEqual(reader.read('', { ...noFlags, return: true }), { kind: 'keys', keys: [] });
  reader.read('y'.repeat(10_000), noFlags);
  const pasted = reader.read('[201~', noFlags);
  t.is(pasted.kind, 'paste');
  t.true(pasted.kind === 'paste' && pasted.text.startsWith('K y') && pasted.text.length <= 4_096);
  t.is(reader.read('j', noFlags).kind, 'keys');
  // A terminal without bracketed paste.
  t.is(reader.read('x'.repeat(100), noFlags).kind, 'paste');
});

test('jobs show their result, and enter lists every attempt', (t) => {
  const world = simulatedWorld({ nodes: 1, services: 1, replicas: 1 });
  const made = aService('migrate', { project: 'shop', replicas: 1 });
  const job = {
    ...made,
    spec: { ...made.spec, mode: { kind: 'replicated', replicas: 1, job: true } as const },
  };
  world.applyWatch({ kind: 'put', table: 'services', object: job });
  const failed = aTask(job, 1, {
    id: 'try1',
    state: 'failed',
    desired: 'shutdown',
    status: { exitCode: 3, error: 'no database', at: worldNow - 60_000 },
  });
  const done = aTask(job, 1, { id: 'try2', state: 'complete', status: { exitCode: 0 } });
  world.applyWatch({ kind: 'put', table: 'tasks', object: { ...failed, createdAt: 1 } });
  const session = new DashboardSession(world);
  for (const key of ':jobs') session.type(key);
  session.type(namedKey('enter'));
  t.true(
    session.lines.some((line) => /shop\/migrate +\S failed +0\/1 +3 +1 +60s no da/u.test(line)),
  );
  t.false(session.lines.some((line) => line.includes('web1')));
  world.applyWatch({ kind: 'put', table: 'tasks', object: { ...done, createdAt: 2 } });
  t.true(session.lines.some((line) => /shop\/migrate +\S complete +1\/1 +0 +2/u.test(line)));
  session.type(namedKey('enter'));
  t.is(session.lines.filter((line) => line.includes('shop-migrate-1')).length, 2);
});
