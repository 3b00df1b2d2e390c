import test from 'ava';
import type { NodeId } from '../../../../manager/common/model/ids.js';
import { Quarantine } from '../../../../manager/dispatcher/sessions/quarantine.js';
import { ManualClock } from '../../../helpers/fakes/manual-clock.js';

const node = 'w1' as NodeId;
const advice = 'upgrade or inspect its worker';

test('a node is refused for a minute, with the reason', (t) => {
  const clock = new ManualClock();
  const quarantine = new Quarantine(clock);
  t.notThrows(() => {
    quarantine.check(node, 'alpha');
  });
  t.is(
    quarantine.add(node, 'bad ports'),
    `sent a malformed message: bad ports; refused for 60 s, ${advice}`,
  );
  clock.advance(30_000);
  const error = t.throws(() => {
    quarantine.check(node, 'alpha');
  });
  t.is(
    error.message,
    `node alpha: sent a malformed message: bad ports; refused for 30 s, ${advice}`,
  );
  t.is(quarantine.problemOf(node), 'bad ports');
  clock.advance(30_000);
  t.is(quarantine.problemOf(node), undefined);
  t.notThrows(() => {
    quarantine.check(node, 'alpha');
  });
});

test('each repetition doubles the time, up to ten minutes, until the node behaves as long', (t) => {
  const clock = new ManualClock();
  const quarantine = new Quarantine(clock);
  const times: (string | undefined)[] = [];
  const add = (): number => {
    const seconds = Number(/refused for (\d+) s/u.exec(quarantine.add(node, 'x'))?.[1]);
    times.push(String(seconds));
    return seconds * 1_000;
  };
  for (let count = 0; count < 6; count += 1) clock.advance(add());
  t.deepEqual(times, ['60', '120', '240', '480', '600', '600']);
  clock.advance(600_000);
  t.is(add(), 60_000);
});

test('other nodes and removed ones are not refused', (t) => {
  const quarantine = new Quarantine(new ManualClock());
  quarantine.add(node, 'x');
  t.is(quarantine.problemOf('w2' as NodeId), undefined);
  quarantine.forget(node);
  t.is(quarantine.problemOf(node), undefined);
});

test('a message of a node that is refused already does not extend its time', (t) => {
  const clock = new ManualClock();
  const quarantine = new Quarantine(clock);
  quarantine.add(node, 'first');
  clock.advance(40_000);
  t.regex(quarantine.add(node, 'second'), /first; refused for 20 s/);
});
