import test from 'ava';
import fc from 'fast-check';
import type { LogLine } from '../../../manager/common/protocol/worker-calls.js';
import { LineAssembler } from '../../../worker/logs/lines.js';

const stamp = '2026-01-02T03:04:05.000000006Z';
const out = (text: string): { stream: 'stdout'; data: Uint8Array } => ({
  stream: 'stdout',
  data: Buffer.from(text),
});

test('the timestamp is removed and the rest of the line is unchanged', (t) => {
  const [line] = new LineAssembler().push(out(`${stamp} GET / 200  ok \n`));
  t.deepEqual(line, { at: Date.parse(stamp), stamp, stream: 'stdout', text: 'GET / 200  ok ' });
});

test('an empty line, a CR LF line and a last line without a line end are returned', (t) => {
  const lines = new LineAssembler();
  const texts = lines
    .push(out(`${stamp} \n${stamp} typed\r\n${stamp} cut`))
    .map(({ text }) => text);
  t.deepEqual([...texts, ...lines.end().map(({ text }) => text)], ['', 'typed', 'cut']);
});

test('stdout and stderr are assembled independently', (t) => {
  const lines = new LineAssembler();
  lines.push(out(`${stamp} out `));
  const [err] = lines.push({ stream: 'stderr', data: Buffer.from(`${stamp} err\n`) });
  const [whole] = lines.push(out('put\n'));
  t.deepEqual(
    [err?.stream, err?.text, whole?.stream, whole?.text],
    ['stderr', 'err', 'stdout', 'out put'],
  );
});

test('the lines do not depend on chunking, whatever their characters', (t) => {
  const anyText = fc
    .string({ unit: 'binary', maxLength: 20 })
    .map((text) => text.replaceAll(/[\r\n]/gu, '·'));
  fc.assert(
    fc.property(fc.array(anyText), fc.integer({ min: 1, max: 9 }), (texts, size) => {
      const wire = Buffer.from(texts.map((text) => `${stamp} ${text}\n`).join(''));
      const lines = new LineAssembler();
      const got: LogLine[] = [];
      for (let at = 0; at < wire.length; at += size) {
        got.push(...lines.push({ stream: 'stdout', data: wire.subarray(at, at + size) }));
      }
      t.deepEqual(
        got.map(({ text }) => text),
        texts.map((text) => Buffer.from(text).toString('utf8')),
      );
    }),
  );
});

test('a line without an end is split to bound memory use', (t) => {
  const lines = new LineAssembler();
  const chunk = 'x'.repeat(64 * 1024);
  let handedOn = lines.push(out(`${stamp} `)).length;
  for (let turn = 0; turn < 40; turn += 1) handedOn += lines.push(out(chunk)).length;
  t.true(handedOn >= 8);
});
