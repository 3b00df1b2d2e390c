import test from 'ava';
import { aService, aTask } from '../../../fixtures/cluster/build.js';
import { systemClock } from '../../../manager/common/base/clock.js';
import { silentLogger } from '../../helpers/fakes/silent-logger.js';
import type { NodeId } from '../../../manager/common/model/ids.js';
import { ReportBatch } from '../../../manager/dispatcher/report-batch.js';
import { MemoryBackend } from '../../helpers/stores/memory-backend.js';
import { openStore } from '../../../manager/store/open-store.js';
import { aStatus } from '../../helpers/fakes/fake-worker.js';

test("a report from another node does not replace the owner's report in the same batch", async (t) => {
  const backend = new MemoryBackend();
  const task = aTask(aService('web'), 1, { node: 'w1', state: 'assigned' });
  await backend.commit([{ table: 'tasks', id: task.id, value: task }]);
  const store = await openStore({ backend, clock: systemClock, log: silentLogger });
  t.teardown(() => store.close());
  const batch = new ReportBatch({ store, clock: systemClock, log: silentLogger, tickMs: 10 });
  batch.add('w1' as NodeId, [{ taskId: task.id, status: aStatus('running') }]);
  batch.add('w2' as NodeId, [{ taskId: task.id, status: aStatus('failed') }]);
  await batch.stop();
  t.is(store.view.get('tasks', task.id)?.status.state, 'running');
});
