import test from 'ava';
import type { ObservedTable, WantedTable } from '../../../network/plan/table.js';
import {
  cleanUpText,
  loadText,
  markFrom,
  markOf,
  updateTableText,
} from '../../../network/plan/table.js';
import { FakeNft } from '../../helpers/fakes/fake-nft.js';

const chain = { rules: ['counter drop', 'return'] };
const wanted: WantedTable = {
  chains: new Map([['some', chain]]),
  sets: new Map([['set', { type: 'ipv4_addr', elements: new Set(['10.0.0.2', '10.0.0.1']) }]]),
};

function inPlace(change: Partial<ObservedTable> = {}): ObservedTable {
  const nft = new FakeNft();
  nft.apply(loadText(wanted));
  return { ...nft.observe(), ...change };
}

test('a mark has the number of rules and differs with the hook and the rules', (t) => {
  t.is(markOf(chain).split('/')[1], '2');
  t.not(markOf(chain), markOf({ rules: ['return', 'counter drop'] }));
  t.not(markOf(chain), markOf({ ...chain, hook: 'input' }));
});

test('a chain has its mark only if all rules have it and none is missing', (t) => {
  t.is(markFrom(['abc/2', 'abc/2']), 'abc/2');
  t.is(markFrom(['abc/2']), undefined);
  t.is(markFrom(['abc/2', 'abc/2', undefined]), undefined);
  t.is(markFrom(['abc/2', 'def/2']), undefined);
  t.is(markFrom([]), undefined);
});

test('a loaded table needs no update', (t) => {
  t.is(updateTableText(wanted, inPlace()), undefined);
  t.is(cleanUpText(wanted, inPlace()), undefined);
});

test('a chain without its rules is written again', (t) => {
  const mark = markOf(chain);
  t.is(
    updateTableText(wanted, inPlace({ chains: new Map([['some', undefined]]) })),
    [
      'flush chain inet shoal some\n',
      `add rule inet shoal some counter drop comment "${mark}"\n`,
      `add rule inet shoal some return comment "${mark}"\n`,
    ].join(''),
  );
});

test('elements are added and removed one by one', (t) => {
  const sets = new Map([['set', new Set(['10.0.0.2', '10.0.0.9'])]]);
  t.is(
    updateTableText(wanted, inPlace({ sets })),
    'delete element inet shoal set { 10.0.0.9 }\nadd element inet shoal set { 10.0.0.1 }\n',
  );
});

test('stale chains and sets are deleted only when no chain changes', (t) => {
  const { chains, sets } = inPlace();
  const stale = {
    chains: new Map([...chains, ['old', 'x/1']]),
    sets: new Map([...sets, ['older', new Set<string>()]]),
  };
  t.is(updateTableText(wanted, stale), undefined);
  t.is(cleanUpText(wanted, stale), 'delete chain inet shoal old\ndelete set inet shoal older\n');
  const changing = { ...stale, chains: new Map([...stale.chains, ['some', undefined]]) };
  t.is(cleanUpText(wanted, changing), undefined);
});
