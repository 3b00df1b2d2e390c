import test from 'ava';
import { runChain } from '../../../network/dns/chain.js';
import { rcode, rcodeOf } from '../../../network/dns/wire.js';
import { aQuery } from '../../helpers/decisions/dns-query.js';

test('handlers run in order until one answers', async (t) => {
  const seen: string[] = [];
  const answer = await runChain(
    [
      (_query, next) => {
        seen.push('first');
        return next();
      },
      () => {
        seen.push('second');
        return Buffer.from('answer');
      },
      () => {
        seen.push('third');
        return Buffer.alloc(0);
      },
    ],
    aQuery('web'),
  );
  t.deepEqual(seen, ['first', 'second']);
  t.is(answer.toString(), 'answer');
});

test('a query that no handler answers fails', async (t) => {
  t.is(rcodeOf(await runChain([], aQuery('web'))), rcode.serverFailure);
  const passing = await runChain([(_query, next) => next()], aQuery('web'));
  t.is(rcodeOf(passing), rcode.serverFailure);
});
