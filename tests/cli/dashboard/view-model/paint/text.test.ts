import test from 'ava';
import fc from 'fast-check';
import { textWidth } from '../../../../../cli/output/table.js';
import {
  age,
  fitCell,
  fitMiddle,
  sanitizeText,
  wrapText,
} from '../../../../../cli/dashboard/view-model/paint/text.js';

test('a cell has exactly its width for any text', (t) => {
  const texts = fc.oneof(fc.string(), fc.constantFrom('日本語のサービス', '🐳🐳🐳 web', 'é́́'));
  fc.assert(
    fc.property(texts, fc.integer({ min: 1, max: 40 }), fc.boolean(), (text, width, right) => {
      t.is(textWidth(fitCell(sanitizeText(text), width, right)), width);
    }),
  );
});

test('escape codes, bidirectional controls and invisible characters are removed', (t) => {
  const shown = sanitizeText('a\u001b[31mred\u009b2J\r\n\u202eevil\u200b!');
  // eslint-disable-next-line no-control-regex -- the test looks for control characters
  t.notRegex(shown, /[\u0000-\u001f\u007f-\u009f\u202e\u200b]/);
  t.true(shown.includes('evil!'));
});

test('a truncated name keeps its end, which distinguishes replicas', (t) => {
  t.is(fitMiddle('web-frontend-3', 10), 'web-fr…d-3');
  t.is(fitMiddle('short', 10), 'short');
  t.is(age(59_000), '59s');
  t.is(age(7_200_000), '2h');
  t.is(age(10 * 86_400_000), '10d');
  t.deepEqual(wrapText('abcdef', 4), ['abcd', 'ef']);
});
