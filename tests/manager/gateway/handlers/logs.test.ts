import test from 'ava';
import type { NodeId, TaskId } from '../../../../manager/common/model/ids.js';
import type { LogLine } from '../../../../manager/common/protocol/worker-calls.js';
import { pourLog } from '../../../../manager/gateway/handlers/logs.js';
import { messagePair } from '../../../helpers/fakes/message-pair.js';

const stamp = '2026-01-02T03:04:05.000000006Z';
const line = (text: string, more: Partial<LogLine> = {}): LogLine => ({
  ...{ at: 1, stamp, stream: 'stdout', text },
  ...more,
});

/** The bytes that a client gets of a log whose second line is longer than one piece. */
async function poured(selection: { readonly isTty?: boolean }, prefix?: string): Promise<string> {
  const [stream, far] = messagePair();
  const lines = [line('one'), line('lo', { partial: true }), line('ng')];
  const chunks: (string | Uint8Array)[] = [];
  const done = pourLog(
    {
      workers: {
        call: () => Promise.reject(new Error('not expected')),
        open: () => Promise.resolve({ streamId: 's', stream }),
      },
    },
    {
      task: { id: 't1' as TaskId },
      nodeId: 'n1' as NodeId,
      selection: {
        ...{ streams: new Set(['stdout'] as const), timestamps: true, isTty: true },
        ...{ options: { follow: false }, ...selection },
      },
      ...(prefix === undefined ? {} : { prefix }),
    },
    {
      signal: new AbortController().signal,
      send: (chunk) => {
        chunks.push(chunk);
        return Promise.resolve();
      },
    },
  );
  await far.send(JSON.stringify(lines));
  far.close();
  await done;
  return chunks.map((chunk) => Buffer.from(chunk).toString('latin1')).join('');
}

test('a long line is sent in one piece', async (t) => {
  t.is(await poured({}), `${stamp} one\r\n${stamp} long\r\n`);
});

test('each frame of a service log has the place of its task, also within a long line', async (t) => {
  const frames = (await poured({ isTty: false }, 'node=n1 ')).split('\u0001\0\0\0\0\0\0');
  t.deepEqual(
    frames.slice(1).map((frame) => frame.slice(1)),
    [`${stamp} node=n1 one\n`, `${stamp} node=n1 lo`, `${stamp} node=n1 ng\n`],
  );
});
