import test from 'ava';
import { EngineLines } from '../../../cli/build/lines.js';

test('JSON lines of the engine are reassembled from chunks of any size', (t) => {
  const lines = new EngineLines();
  const bytes = Buffer.from('{"stream":"ü"}\r\n{"error":"no"}\n');
  const found = [...bytes].flatMap((byte) => [...lines.push(Uint8Array.of(byte))]);
  t.deepEqual(found, [{ stream: 'ü' }, { error: 'no' }]);
});
