import test from 'ava';
import { parseTable } from '../../../network/linux/nft.js';

const listed = (...items: object[]): string =>
  JSON.stringify({ nftables: [{ metainfo: {} }, { table: { name: 'shoal' } }, ...items] });
const chain = (name: string): object => ({ chain: { family: 'inet', name, handle: 1 } });
const rule = (of: string, comment?: string): object => ({
  rule: { family: 'inet', chain: of, expr: [], comment },
});
const set = (name: string, elem?: readonly unknown[]): object => ({
  set: { name, type: 'x', elem },
});

test('chains are listed with the mark of their rules, wherever the rules are', (t) => {
  const { chains } = parseTable(
    listed(
      chain('a'),
      chain('empty'),
      rule('a', 'abc/2'),
      chain('b'),
      rule('a', 'abc/2'),
      rule('b', 'def/2'),
    ),
  );
  t.deepEqual(
    [...chains],
    [
      ['a', 'abc/2'],
      ['empty', undefined],
      ['b', undefined],
    ],
  );
});

test('sets are listed with their elements, concatenations included', (t) => {
  const { sets } = parseTable(
    listed(set('none'), set('plain', ['sh1', 'sh2']), set('pairs', [{ concat: ['sh1', 'sh1'] }])),
  );
  t.deepEqual(
    [...sets],
    [
      ['none', new Set()],
      ['plain', new Set(['sh1', 'sh2'])],
      ['pairs', new Set(['sh1 . sh1'])],
    ],
  );
});

test('a malformed listing is refused with the command as its source', (t) => {
  const source = /^nft -j list table \S+ \S+: /u;
  t.throws(() => parseTable('{"nftables": ['), { message: source });
  t.throws(() => parseTable('{}'), { message: /nftables must be an array$/u });
  t.throws(() => parseTable(listed(set('a', [{ prefix: {} }]))), {
    message: /nftables\[2\]\.set\.elem\[0\] must be a string or a concatenation$/u,
  });
  t.throws(() => parseTable(JSON.stringify({ nftables: [{ rule: { chain: 'a', comment: 1 } }] })), {
    message: /nftables\[0\]\.rule\.comment must be a string$/u,
  });
});
