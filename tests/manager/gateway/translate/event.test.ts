import test from 'ava';
import {
  matchesEvent,
  messageText,
  nanosOf,
  toMessage,
} from '../../../../manager/gateway/translate/event.js';
import type { ClusterEvent } from '../../../../manager/common/protocol/control.js';
import { filtersOf } from '../../../helpers/decisions/query-filters.js';

const died: ClusterEvent = {
  number: 7,
  at: 1_700_000_000_123,
  type: 'container',
  action: 'die',
  id: 'abc123',
  name: 'demo-web-1',
  attributes: { image: 'redis:7', name: 'demo-web-1', node: 'alpha', exitCode: '3' },
};

test('an event has the fields for old and new clients', (t) => {
  const told = toMessage(died, { tier: 'front' });
  t.like(told, {
    status: 'die',
    id: 'abc123',
    from: 'redis:7',
    Type: 'container',
    Action: 'die',
    scope: 'local',
    time: 1_700_000_000,
  });
  t.like(told.Actor, { ID: 'abc123' });
  t.like(told.Actor.Attributes, { tier: 'front', exitCode: '3', 'node.name': 'alpha' });
});

for (const [filters, fits] of [
  [{ type: ['container'] }, true],
  [{ type: ['node'] }, false],
  [{ event: ['die', 'stop'] }, true],
  [{ container: ['demo-web-1'] }, true],
  [{ container: ['abc'] }, true],
  [{ container: ['other'] }, false],
  [{ image: ['redis'] }, true],
  [{ label: ['tier=front'] }, true],
  [{ label: ['tier=back'] }, false],
  [{ node: ['alpha'] }, true],
  [{ network: ['demo-web-1'] }, false],
  [{ event: ['di'] }, false],
  [{ event: { die: true } }, true],
  [{ container: ['demo-web'] }, true],
  [{ daemon: ['alpha'] }, false],
  [{ plugin: ['x'] }, false],
  [{ secret: ['x'] }, false],
  [{ config: ['x'] }, false],
  [{ nosuch: ['x'] }, true],
  [{ label: [] }, true],
] as const) {
  test(`an event ${fits ? 'passes' : 'is dropped by'} ${JSON.stringify(filters)}`, (t) => {
    const told = toMessage(died, { tier: 'front' });
    t.is(matchesEvent(told, filtersOf(filters)), fits);
  });
}

test('health events match the filter health_status', (t) => {
  const told = toMessage({ ...died, action: 'health_status: unhealthy' }, {});
  t.true(matchesEvent(told, filtersOf({ event: ['health_status'] })));
});

test('a filter health_status matches other actions by their beginning, too', (t) => {
  const filters = filtersOf({ event: ['health_status', 'die'] });
  t.true(matchesEvent(toMessage(died, {}), filters));
  t.false(matchesEvent(toMessage({ ...died, action: 'start' }, {}), filters));
});

test('the time of an event is exact and differs between events of one millisecond', (t) => {
  const text = messageText(toMessage(died, {}), nanosOf(died));
  t.regex(text, /"timeNano":1700000000123000007\}\n$/u);
  t.is((JSON.parse(text) as { readonly time: number }).time, 1_700_000_000);
  t.not(nanosOf(died), nanosOf({ ...died, number: 8 }));
});
