import test from 'ava';
import { systemClock } from '../../../manager/common/base/clock.js';
import { AppError } from '../../../manager/common/base/errors.js';
import { notLeaderError } from '../../../manager/common/protocol/messages.js';
import { auditOrigin, AuditRecorder } from '../../../manager/control/audit-recorder.js';
import type { Peer } from '../../../manager/transport/peer.js';
import { recordingLogger } from '../../helpers/fakes/recording-logger.js';
import { silentLogger } from '../../helpers/fakes/silent-logger.js';

const peer: Peer = {
  ...{ clusterId: 'c1', role: 'user', nodeId: 'ci', serial: '0a' },
  ...{ address: '192.0.2.7', via: 'm2' },
};
const forbidden = (): AppError => new AppError('forbidden', 'no');

function recorderWith(): {
  readonly recorder: AuditRecorder;
  readonly lines: string[];
} {
  const lines: string[] = [];
  const append = (
    { action }: { readonly action: string },
    result: string,
    changes: readonly string[],
  ): Promise<void> => {
    lines.push([action, result, ...changes].join(' | '));
    return Promise.resolve();
  };
  return {
    recorder: new AuditRecorder({ append }, { clock: systemClock, log: silentLogger }),
    lines,
  };
}

test('the origin is the client with serial, address and forwarding manager', (t) => {
  t.deepEqual(auditOrigin(peer, 'exec'), {
    ...{ who: 'ci', role: 'client', serial: '0a', from: '192.0.2.7', via: 'm2' },
    action: 'exec',
  });
  const { clusterId, role, nodeId } = peer;
  t.deepEqual(auditOrigin({ clusterId, role, nodeId }, 'exec'), {
    ...{ who: 'ci', role: 'client', action: 'exec' },
  });
});

test('streams that act or reveal are recorded at their start, others are not', async (t) => {
  const { recorder, lines } = recorderWith();
  for (const action of ['logs', 'copy-out', 'export', 'backup', 'exec', 'watch', 'stats']) {
    await recorder.started(auditOrigin(peer, action), 'project shop');
  }
  t.deepEqual(
    lines,
    ['logs', 'copy-out', 'export', 'backup', 'exec'].map(
      (action) => `${action} | started | project shop`,
    ),
  );
});

test('every refusal and each failed change is recorded once, failed reads are not', async (t) => {
  const { recorder, lines } = recorderWith();
  const failed = (action: string, error: Error): Promise<void> =>
    recorder.failed(auditOrigin(peer, action), '', error);
  const error = forbidden();
  await failed('service.list', error);
  await recorder.requests.failed(peer, 'GET /containers/json', error);
  await failed('service.list', new AppError('unavailable', 'busy'));
  await failed('watch', new AppError('unavailable', 'slow'));
  await failed('watch', forbidden());
  await failed('volume.remove', new AppError('not-found', 'no volume'));
  await failed('exec', new AppError('cancelled', 'left'));
  await failed('volume.remove', notLeaderError('not the leader'));
  t.deepEqual(lines, [
    'service.list | forbidden | ',
    'watch | forbidden | ',
    'volume.remove | not-found | ',
  ]);
});

test('a flood of refusals is bounded and counted', async (t) => {
  const { recorder, lines } = recorderWith();
  for (let each = 0; each < 500; each += 1) {
    await recorder.failed(auditOrigin(peer, 'exec'), '', forbidden());
  }
  t.true(lines.length >= 100);
  t.true(lines.length < 200);
});

test('a read goes on if the store fails, and the log has its record; an action fails', async (t) => {
  const { log, lines } = recordingLogger();
  const append = (): Promise<void> => Promise.reject(new Error('disk is full'));
  const recorder = new AuditRecorder({ append }, { clock: systemClock, log });
  await recorder.started(auditOrigin(peer, 'backup'), '');
  t.deepEqual(lines, ['warn: audit: not stored: disk is full']);
  await t.throwsAsync(recorder.started(auditOrigin(peer, 'exec'), ''), {
    message: /disk is full/u,
  });
});
