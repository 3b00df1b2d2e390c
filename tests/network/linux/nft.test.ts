import test from 'ava';
import { parseRulesetMark } from '../../../network/linux/nft.js';

const rule = (comment?: string): object => ({ rule: { family: 'inet', expr: [], comment } });

const ruleset = (...items: object[]): string =>
  JSON.stringify({ nftables: [{ metainfo: {} }, { table: { name: 'shoal' } }, ...items] });

test('the ruleset mark is valid only if every rule has it and no rule is missing', (t) => {
  t.is(parseRulesetMark(ruleset(rule('abc/2'), rule('abc/2'))), 'abc/2');
  t.is(parseRulesetMark(ruleset(rule('abc/2'))), undefined);
  t.is(parseRulesetMark(ruleset(rule('abc/2'), rule('abc/2'), rule())), undefined);
  t.is(parseRulesetMark(ruleset()), undefined);
});

test('a malformed listing is refused with the command as its source', (t) => {
  const source = /^nft -j list table \S+ \S+: /u;
  t.throws(() => parseRulesetMark('{"nftables": ['), { message: source });
  t.throws(() => parseRulesetMark('{}'), { message: /nftables must be an array$/u });
  t.throws(() => parseRulesetMark(JSON.stringify({ nftables: [{ rule: { comment: 1 } }] })), {
    message: /nftables\[0\]\.rule\.comment must be a string$/u,
  });
});
