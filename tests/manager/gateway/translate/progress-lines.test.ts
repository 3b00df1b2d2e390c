import { Readable } from 'node:stream';
import test from 'ava';
import { linesOf, ProgressMerge } from '../../../../manager/gateway/translate/progress-lines.js';

test('layers get the name of their node and common messages are shown once', (t) => {
  const merge = new ProgressMerge();
  const layer = JSON.stringify({ status: 'Downloading', progressDetail: { current: 1 }, id: 'a1' });
  const shown = [
    merge.merge('alpha', '{"status":"Pulling from library/x","id":"1"}'),
    merge.merge('beta', '{"status":"Pulling from library/x","id":"1"}'),
    merge.merge('alpha', layer),
    merge.merge('beta', layer),
    merge.merge('beta', layer),
  ];
  const ids = shown.map((line) => line && (JSON.parse(line) as { readonly id: string }).id);
  t.deepEqual(ids, ['1', undefined, 'alpha a1', 'beta a1', 'beta a1']);
});

test('the failure of one node names it, and lines that are no JSON objects are dropped', (t) => {
  const merge = new ProgressMerge();
  const line = merge.merge('beta', '{"errorDetail":{"message":"denied"},"error":"denied"}');
  t.is(line, '{"errorDetail":{"message":"node beta: denied"},"error":"node beta: denied"}\r\n');
  t.is(merge.merge('beta', '[1]'), undefined);
  t.is(merge.merge('beta', '{"status":'), undefined);
});

test('lines are found in chunks that end anywhere', async (t) => {
  const bytes = Buffer.from('{"a":"é"}\r\n\r\n{"b":1}');
  const chunks = Readable.from([...bytes].map((byte) => Uint8Array.of(byte)));
  const lines: string[] = [];
  for await (const line of linesOf(chunks)) lines.push(line);
  t.deepEqual(lines, ['{"a":"é"}', '{"b":1}']);
});
