import test from 'ava';
import { aNetworkOnNode, anEndpoint } from '../../../fixtures/cluster/network-view.js';
import { rulesetFor } from '../../../network/plan/ruleset.js';
import { wantedState } from '../../../network/plan/wanted.js';

const facts = { address: '10.98.60.11', addressIsLocal: true, uplinkMtu: 1500 };
const of = (vteps: readonly string[], vnis: readonly number[] = [4096]) =>
  rulesetFor(
    wantedState(
      {
        networks: vnis.map((vni) => aNetworkOnNode({ vni })),
        endpoints: vteps.map((vtep, index) =>
          anEndpoint({ vtep, address: `10.210.0.${String(20 + index)}` }),
        ),
      },
      facts,
    ),
  );

test('no table is wanted without networks', (t) => {
  t.is(of([], []), undefined);
});

test('the mark has the number of rules and depends on nodes and networks, not on their order', (t) => {
  const one = of(['10.98.60.12', '10.98.60.13']);
  const comments = one?.text.split('\n').filter((line) => line.includes(' comment ')) ?? [];
  t.is(one?.mark.split('/')[1], String(comments.length));
  t.true(comments.every((line) => line.includes(`"${one?.mark ?? '-'}"`)));
  t.is(of(['10.98.60.13', '10.98.60.12'])?.mark, one?.mark);
  t.not(of(['10.98.60.12'])?.mark, one?.mark);
  t.not(of(['10.98.60.12', '10.98.60.13'], [4097])?.mark, one?.mark);
  t.is(of([], [4096, 4097])?.mark, of([], [4097, 4096])?.mark);
});

test('tunnel packets are accepted from member nodes only', (t) => {
  t.regex(of(['10.98.60.12'])?.text ?? '', /ip saddr \{ 10\.98\.60\.12 \} return/);
  t.notRegex(of([])?.text ?? '', /ip saddr/);
  t.regex(of([])?.text ?? '', /udp dport 4789 @th,96,24 \{ 4096 \} jump tunnel/);
});
