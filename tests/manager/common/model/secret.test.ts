import test from 'ava';
import { checkData } from '../../../../manager/control/data.js';
import { maxDataBytes } from '../../../../manager/common/model/secret.js';

const spec = { name: 'demo_key', project: 'demo', key: 'key', labels: {} };
const base64 = (bytes: number): string => Buffer.alloc(bytes, 1).toString('base64');

test('content of 350 KiB is accepted, one byte more is refused', (t) => {
  t.notThrows(() => checkData('secret', { spec, data: base64(350 * 1024) }));
  t.throws(() => checkData('secret', { spec, data: base64(350 * 1024 + 1) }), {
    message: /358401 bytes exceed the limit of 358400/u,
  });
});

test("the largest content leaves 40 KiB of Consul's 512 KiB per key for its name and labels", (t) => {
  t.true(base64(maxDataBytes).length < (512 - 40) * 1024);
});
