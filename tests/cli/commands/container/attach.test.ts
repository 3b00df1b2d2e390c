import test from 'ava';
import { parseDetachKeys } from '../../../../cli/commands/container/attach.js';

test('invalid detach keys are refused', (t) => {
  t.throws(() => parseDetachKeys('ctrl-1'), { message: /invalid --detach-keys "ctrl-1"/u });
});
