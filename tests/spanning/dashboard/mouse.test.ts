import test from 'ava';
import { parseInput } from '../../../cli/dashboard/terminal-input.js';
import { topScreen } from '../../../cli/dashboard/view-model/state/model.js';
import type { MouseEvent } from '../../../cli/dashboard/view-model/update/on-mouse.js';
import { simulatedWorld } from '../../helpers/fakes/world.js';
import { DashboardSession, noFlags } from '../../helpers/fakes/dashboard-session.js';

const small = { nodes: 3, services: 12, replicas: 2 };
const click = (column: number, row: number): MouseEvent => ({ what: 'click', column, row });

test('a click selects, a second click opens, a title sorts, and the wheel moves', (t) => {
  const session = new DashboardSession(simulatedWorld(small)).type('4').mouse(click(4, 5));
  t.true(session.cursor.includes('web3'));
  session.mouse({ what: 'wheelDown', column: 0, row: 9 });
  t.true(session.cursor.includes('web6'));
  session.mouse({ what: 'wheelUp', column: 0, row: 9 });
  t.true(session.cursor.includes('web3'));
  const titles = session.lines[2] ?? '';
  session.mouse(click(titles.indexOf('CPU%') + 1, 2));
  t.true(session.lines[2]?.includes('CPU%↓'));
  session.mouse(click(titles.indexOf('CPU%') + 1, 2));
  t.true(session.lines[2]?.includes('CPU%↑'));
  const at = session.lines.findIndex((line) => line === session.cursor);
  session.mouse(click(4, at));
  const top = topScreen(session.state);
  t.is(top.kind === 'list' ? top.view : top.kind, 'tasks');
});

test('clicks outside rows and during a confirmation are ignored', (t) => {
  const session = new DashboardSession(simulatedWorld(small)).type('4');
  const before = session.state;
  session.mouse(click(0, 0)).mouse(click(5, 29)).mouse(click(500, 2));
  t.deepEqual(session.state, before);
  session.type('S').mouse(click(4, 5));
  t.is(session.state.mode.kind, 'confirm');
});

test('mouse reports are parsed, and releases and broken reports are ignored', (t) => {
  t.deepEqual(parseInput('[<0;5;7M', noFlags), { kind: 'mouse', events: [click(4, 6)] });
  t.deepEqual(parseInput('[<65;1;1M', noFlags), {
    kind: 'mouse',
    events: [{ what: 'wheelDown', column: 0, row: 0 }],
  });
  t.deepEqual(parseInput('[<0;5;7m', noFlags), { kind: 'mouse', events: [] });
  t.deepEqual(parseInput('[<0;5', noFlags), { kind: 'mouse', events: [] });
});
