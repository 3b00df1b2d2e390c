import test from 'ava';
import { observeCluster } from '../../../cli/doctor/observe-cluster.js';
import type { ControlClient } from '../../../cli/client/client.js';
import { aNetwork } from '../../../fixtures/cluster/build.js';
import { AppError } from '../../../manager/common/base/errors.js';
import type { NodeId } from '../../../manager/common/model/ids.js';

const leftOn = [{ nodeId: 'w1' as NodeId, problem: 'busy; stop it' }];
const stuck = { ...aNetwork('front'), leftOn };
const { signal } = new AbortController();

/** A manager that fails the calls in `broken`. */
function manager(...broken: readonly string[]): () => Promise<Pick<ControlClient, 'call'>> {
  const call = (name: string): Promise<unknown> => {
    if (broken.includes(name)) return Promise.reject(new AppError('timeout', `${name}: no answer`));
    return Promise.resolve(name === 'network.list' ? [aNetwork('back'), stuck] : []);
  };
  return () => Promise.resolve({ call: call });
}

test('networks that an engine keeps are observed', async (t) => {
  const { networks, failed } = await observeCluster(manager(), [], signal);
  t.deepEqual(networks, [stuck]);
  t.deepEqual(failed, []);
});

test('each question that fails is a failed check, and the other one is asked', async (t) => {
  const { networks, failed } = await observeCluster(manager('task.list'), [], signal);
  t.deepEqual(networks, [stuck]);
  t.deepEqual(failed, [{ what: 'overlay paths', reason: 'task.list: no answer' }]);
  const other = await observeCluster(manager('network.list'), [], signal);
  t.deepEqual(other.failed, [{ what: 'removed networks', reason: 'network.list: no answer' }]);
});

test('without a manager every check of the cluster has failed', async (t) => {
  const unreachable = () => Promise.reject(new AppError('unavailable', 'no manager answers'));
  const { pairs, networks, failed } = await observeCluster(unreachable, [], signal);
  t.deepEqual([pairs, networks], [[], []]);
  t.deepEqual(
    failed.map(({ what, reason }) => `${what}: ${reason}`),
    ['overlay paths: no manager answers', 'removed networks: no manager answers'],
  );
});

test('an interrupt ends the observation', async (t) => {
  const abort = new AbortController();
  abort.abort(new AppError('cancelled', 'interrupted'));
  await t.throwsAsync(observeCluster(manager('task.list'), [], abort.signal), {
    message: 'interrupted',
  });
});
