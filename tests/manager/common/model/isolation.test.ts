import test from 'ava';
import fc from 'fast-check';
import { isolationRules } from '../../../../manager/common/model/isolation.js';
import { bridgeOf } from '../../../../network/plan/names.js';

/** Name prefixes dropped by the rules of a chain, by direction. */
function dropped(chain: string, direction: string): readonly string[] {
  const body = isolationRules().split(`chain ${chain} {`)[1]?.split('}')[0] ?? '';
  const rule = new RegExp(`^ *${direction} "([^"*]+)\\*" counter drop$`, 'gmu');
  return [...body.matchAll(rule)].map(([, prefix]) => prefix ?? '');
}

test('no container of a booting machine reaches a tunnel endpoint', (t) => {
  const body = isolationRules().split('chain forward {')[1]?.split('}')[0] ?? '';
  t.regex(body, /policy accept;\n *udp dport 4789 counter drop$/mu);
});

test('boot isolation drops traffic of every overlay bridge in both directions and no other', (t) => {
  const chains = [
    dropped('forward', 'iifname'),
    dropped('forward', 'oifname'),
    dropped('output', 'oifname'),
  ];
  fc.assert(
    fc.property(fc.integer({ min: 4096, max: 2 ** 24 - 1 }), (vni) =>
      chains.every((prefixes) => prefixes.some((prefix) => bridgeOf(vni).startsWith(prefix))),
    ),
  );
  const others = ['eth0', 'docker0', 'br-0a1b2c', 'shaper0', 'shvx4096', 'lo'];
  t.deepEqual(
    others.filter((name) => chains.flat().some((prefix) => name.startsWith(prefix))),
    [],
  );
});
