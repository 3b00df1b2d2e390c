import test from 'ava';
import { callRights } from '../../../manager/access/call-rights.js';
import { controlResults } from '../../../manager/common/protocol/control-results.js';
import type { ControlStreamName } from '../../../manager/common/protocol/control.js';

/** Every stream; the compiler rejects a list that lacks one. */
const streams: Readonly<Record<ControlStreamName, true>> = {
  watch: true,
  events: true,
  audit: true,
  logs: true,
  exec: true,
  attach: true,
  pull: true,
  push: true,
  build: true,
  fetch: true,
  'copy-out': true,
  'copy-in': true,
  export: true,
  backup: true,
  stats: true,
};

test('every control call and stream declares its right', (t) => {
  const names = [...Object.keys(controlResults), ...Object.keys(streams)];
  t.deepEqual(Object.keys(callRights).sort(), names.filter((name) => name !== 'preview').sort());
});
