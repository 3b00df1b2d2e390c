import test from 'ava';
import { decode } from '../../../../manager/common/base/decode.js';
import { workerResults } from '../../../../manager/common/protocol/worker-results.js';

test('only a SHA-256 digest is the answer of a registry', (t) => {
  const resolved = (value: unknown) => decode(value, workerResults.resolveImage, 'node n1');
  const digest = `sha256:${'1'.repeat(64)}`;
  t.is(resolved(digest), digest);
  for (const other of ['', 'sha256:../../x', `${digest}/x`, `x${digest}`, 1, null]) {
    t.throws(() => resolved(other), { message: /^node n1: /u });
  }
});
