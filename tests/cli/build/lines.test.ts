import test from 'ava';
import { EngineLines } from '../../../cli/build/lines.js';

test('JSON lines of the engine are reassembled from chunks of any size', (t) => {
  const lines = new EngineLines();
  const bytes = Buffer.from('{"stream":"ü"}\r\n{"error":"no"}\n');
  const found = [...bytes].flatMap((byte) => [...lines.push(Uint8Array.of(byte))]);
  t.deepEqual(found, [{ stream: 'ü' }, { error: 'no' }]);
});

test('a malformed line names its source and what to do', (t) => {
  for (const [line, fault] of [
    ['{"stream":', 'invalid JSON'],
    ['{"stream":1}', 'stream must be a string'],
    ['{"progressDetail":{"total":"1"}}', 'progressDetail.total must be a number'],
  ]) {
    t.throws(() => new EngineLines().push(Buffer.from(`${line ?? ''}\n`)), {
      message: `line of the docker engine: ${fault ?? ''}; check the log of the engine`,
    });
  }
});
