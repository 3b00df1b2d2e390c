import test from 'ava';
import { decodeText } from '../../../../cli/compose/yaml/decode-text.js';

test('the first invalid byte is found behind replacement characters that the text contains', (t) => {
  const bytes = Buffer.concat([
    Buffer.from('é\ufffd a'),
    Buffer.from([0xff]),
    Buffer.from('b\ufffd'),
  ]);
  t.deepEqual(decodeText(bytes), { text: 'é\ufffd a\ufffdb\ufffd', invalidAt: 4 });
});

test('valid text has no invalid byte; a byte order mark is no part of it', (t) => {
  t.deepEqual(decodeText(Buffer.from('\ufeffa\ufffd')), { text: 'a\ufffd' });
  t.deepEqual(decodeText(Buffer.from([0xff, 0xfe, 0x61, 0x00])), { text: 'a' });
  t.deepEqual(decodeText(Buffer.from([0xfe, 0xff, 0x00, 0x61])), { text: 'a' });
});

test('a character that is cut off at the end is invalid', (t) => {
  t.is(decodeText(Buffer.from([0x61, 0xc3])).invalidAt, 1);
});
