import test from 'ava';
import { aTask } from '../../../../../fixtures/cluster/build.js';
import type { Key } from '../../../../../cli/dashboard/view-model/update/key.js';
import { namedKey, textKey } from '../../../../../cli/dashboard/view-model/update/key.js';
import { ListCache } from '../../../../../cli/dashboard/view-model/state/list-cache.js';
import type {
  Effect,
  ListScreen,
  State,
} from '../../../../../cli/dashboard/view-model/state/model.js';
import { initialState, topScreen } from '../../../../../cli/dashboard/view-model/state/model.js';
import { onKey, onPaste } from '../../../../../cli/dashboard/view-model/update/update.js';
import type { ClusterState } from '../../../../../cli/dashboard/view-model/state/cluster-state.js';
import { lookAt, simulatedWorld } from '../../../../helpers/fakes/world.js';

/** Types keys into a model and records its effects. */
class Typist {
  readonly world: ClusterState;
  readonly listings = new ListCache();
  readonly effects: Effect[] = [];
  state: State;

  constructor(world: ClusterState, options: { readOnly?: boolean } = {}) {
    this.world = world;
    this.state = initialState({ columns: 100, rows: 30 }, options);
  }

  type(...keys: readonly (string | Key)[]): this {
    for (const key of keys) {
      const pressed = typeof key === 'string' ? textKey(key) : key;
      const step = onKey(this.state, pressed, lookAt(this.world), this.listings);
      this.state = step.state;
      this.effects.push(...step.effects);
    }
    return this;
  }

  get list(): ListScreen {
    const top = topScreen(this.state);
    if (top.kind !== 'list') throw new Error(`a ${top.kind} is shown`);
    return top;
  }

  get names(): readonly string[] {
    return this.listings.of(this.list, lookAt(this.world)).rows.map(({ id }) => id);
  }

  get cursor(): string | undefined {
    const { rows, cursor } = this.listings.of(this.list, lookAt(this.world));
    return rows[cursor]?.id;
  }
}

const enter = namedKey('enter');
const escape = namedKey('escape');
const small = { nodes: 3, services: 4, replicas: 2 };

test('the cursor follows its object when rows are added, removed and sorted', (t) => {
  const typist = new Typist(simulatedWorld(small)).type('5', 'j', 'j');
  t.is(typist.cursor, 't1-1');
  typist.type('i');
  t.is(typist.cursor, 't1-1');
  typist.world.applyWatch({ kind: 'remove', table: 'tasks', id: 't0-1' });
  t.is(typist.cursor, 't1-1');
  typist.type('i');
  t.is(typist.cursor, 't1-1');
  typist.world.applyWatch({ kind: 'remove', table: 'tasks', id: 't1-1' });
  t.not(typist.cursor, undefined);
});

test('enter opens project, service, task and log, and escape returns through them', (t) => {
  const typist = new Typist(simulatedWorld(small)).type('3', enter);
  t.deepEqual(typist.list.scope, { project: 'shop1' });
  typist.type(enter);
  t.is(typist.list.view, 'tasks');
  t.deepEqual(typist.names, ['t0-1', 't0-2']);
  typist.type(enter);
  t.is(topScreen(typist.state).kind, 'logs');
  t.is(typist.effects.at(-1)?.kind, 'openLogs');
  typist.type(escape);
  t.is(typist.effects.at(-1)?.kind, 'closeLogs');
  typist.type(escape, escape, escape, escape, escape);
  t.is(topScreen(typist.state).kind, 'home');
  t.false(typist.effects.some(({ kind }) => kind === 'quit'));
});

test('plus adds a replica at once, and minus to zero replicas asks for confirmation', (t) => {
  const world = simulatedWorld({ nodes: 1, services: 1, replicas: 1 });
  const typist = new Typist(world).type('4', '+');
  const effect = typist.effects.at(-1);
  t.is(effect?.kind, 'act');
  t.deepEqual(effect?.kind === 'act' ? effect.action.requests : [], [
    { name: 'service.scale', args: { project: 'shop1', replicas: { web1: 2 } } },
  ]);
  typist.type('-');
  t.is(typist.state.mode.kind, 'confirm');
  typist.type('n');
  t.is(typist.effects.length, 1);
});

test('draining shows how many tasks move and requires confirmation', (t) => {
  const typist = new Typist(simulatedWorld(small)).type('2', 'D');
  const { mode } = typist.state;
  t.deepEqual(mode.kind === 'confirm' ? mode.action.effect : [], [
    '3 tasks move to other machines; no new tasks are placed here',
  ]);
  typist.type(enter);
  t.is(typist.effects.length, 0);
  typist.type('D', 'y');
  t.is(typist.effects.at(-1)?.kind, 'act');
});

test('removal requires typing the name', (t) => {
  const typist = new Typist(simulatedWorld(small)).type('4', textKey('d', true));
  t.is(typist.state.mode.kind, 'confirm');
  typist.type('x', enter);
  t.is(typist.effects.length, 0);
  typist.type(textKey('d', true), 'w', 'e', 'b', '1', enter);
  t.is(typist.effects.at(-1)?.kind, 'act');
});

test('actions apply to the marked rows', (t) => {
  const typist = new Typist(simulatedWorld(small)).type('4', ' ', ' ', 'r', 'y');
  const effect = typist.effects.at(-1);
  t.deepEqual(effect?.kind === 'act' ? effect.action.requests : [], [
    { name: 'service.restart', args: { project: 'shop1', services: ['web1', 'web2'] } },
  ]);
});

test('a filter applies while it is typed and escape reverts it', (t) => {
  const typist = new Typist(simulatedWorld(small)).type('5', '/', 'w', 'e', 'b', '2');
  t.deepEqual(typist.names, ['t1-1', 't1-2']);
  typist.type(escape);
  t.is(typist.names.length, 8);
  typist.type('/', '!', 'w', 'e', 'b', '2', enter);
  t.is(typist.names.length, 6);
});

test('the exclamation mark shows only rows with problems', (t) => {
  const world = simulatedWorld(small);
  const service = world.services.get('s0');
  if (service === undefined) throw new Error('no service');
  const failed = aTask(service, 1, { id: 't0-1', node: 'n1', state: 'failed' });
  world.applyWatch({ kind: 'put', table: 'tasks', object: failed });
  t.deepEqual(new Typist(world).type('5', '!').names, ['t0-1']);
});

test('a replaced task is shown only with history', (t) => {
  const world = simulatedWorld({ nodes: 2, services: 1, replicas: 1 });
  const service = world.services.get('s0');
  if (service === undefined) throw new Error('no service');
  world.applyWatch({
    kind: 'put',
    table: 'tasks',
    object: aTask(service, 1, { id: 'old', node: 'n2', state: 'failed', createdAt: 1 }),
  });
  const typist = new Typist(world).type('5');
  t.deepEqual(typist.names, ['t0-1']);
  t.is(typist.type('a').names.length, 2);
});

test('a read-only dashboard changes nothing and opens no shell', (t) => {
  const typist = new Typist(simulatedWorld(small), { readOnly: true });
  typist.type('4', '+', 'r', 's', textKey('d', true), 'y');
  t.deepEqual(typist.effects, []);
});

test('a command runs in the project of the current screen', (t) => {
  const typist = new Typist(simulatedWorld(small)).type('3', enter, ':', 'p', 's', enter);
  t.is(typist.list.view, 'tasks');
  typist.type(':', ...Array.from('scale web1=3'), enter);
  t.deepEqual(typist.effects.at(-1), {
    kind: 'run',
    words: ['scale', 'web1=3'],
    project: 'shop1',
  });
});

test('pasted text never acts as keys and is inserted only into an open line', (t) => {
  const typist = new Typist(simulatedWorld(small)).type('4');
  const pasted = onPaste(typist.state, 'rrrrDy\u001b[31m\ny', lookAt(typist.world));
  t.deepEqual(pasted.effects, []);
  t.is(pasted.state.mode.kind, 'browse');
  typist.type('/');
  const typed = onPaste(typist.state, 'web\u001b[31m\n', lookAt(typist.world));
  t.is(typed.state.mode.kind === 'filter' ? typed.state.mode.text : '', 'web [31m ');
});

test('no key on any screen throws or changes the cluster without confirmation', (t) => {
  const keys = Array.from('jkgG<>i!a dwlsc0123456789tP?q:/x', (key) => textKey(key));
  const world = simulatedWorld(small);
  for (const opening of Array.from('0123456789?')) {
    for (const key of [...keys, enter, escape, namedKey('pageDown'), namedKey('up')]) {
      const typist = new Typist(world).type(opening, key, enter, 'j', escape);
      t.false(typist.effects.some(({ kind }) => kind === 'act'));
    }
  }
});
