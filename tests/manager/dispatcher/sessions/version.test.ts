import test from 'ava';
import { protocolVersion } from '../../../../manager/common/protocol/messages.js';
import { negotiateVersion } from '../../../../manager/dispatcher/sessions/version.js';

test('peers of this and of later versions speak this version', (t) => {
  t.is(negotiateVersion(protocolVersion), protocolVersion);
  t.is(negotiateVersion(protocolVersion + 3), protocolVersion);
});

test('an older peer is refused with the remedy', (t) => {
  t.throws(() => negotiateVersion(protocolVersion - 1), {
    message: /^peer speaks protocol version 0, version 1 or newer is required; upgrade the peer$/u,
  });
});
