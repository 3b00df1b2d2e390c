import test from 'ava';
import { outdatedRuntime } from '../../../cli/inventory/node-releases.js';

const at = (day: string): number => Date.parse(`${day}T12:00:00Z`);

test('a runtime is outdated from the day after its last day', (t) => {
  t.is(outdatedRuntime('v20.20.2', at('2026-04-30')), undefined);
  t.regex(
    outdatedRuntime('v20.20.2', at('2026-05-01'))?.problem ?? '',
    /^Node 20\.20\.2 gets no security fixes since 2026-04-30$/u,
  );
  t.is(outdatedRuntime('v24.1.0', at('2026-11-30')), undefined);
});

test('an older line than all known ones is outdated, a newer one is not', (t) => {
  t.not(outdatedRuntime('v16.20.0', at('2026-05-01')), undefined);
  t.is(outdatedRuntime('v99.0.0', at('2026-05-01')), undefined);
  t.is(outdatedRuntime('', at('2026-05-01')), undefined);
});
