import test from 'ava';
import {
  asciiGlyphs,
  sparkline,
  unicodeGlyphs,
} from '../../../../../cli/dashboard/view-model/paint/glyphs.js';

test('a sparkline has the given width and shows a bar for any value above zero', (t) => {
  t.is(sparkline([0, 50, 100], 5, unicodeGlyphs, 100), '   ▄█');
  t.is(sparkline([0.01], 1, unicodeGlyphs, 100), '▁');
  t.regex(sparkline([1, 2, 3], 3, asciiGlyphs), /^[\x20-\x7e]{3}$/);
});
