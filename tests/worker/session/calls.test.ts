import test from 'ava';
import { isAppError } from '../../../manager/common/base/errors.js';
import { ManualClock } from '../../helpers/fakes/manual-clock.js';
import { answeringEngine } from '../../helpers/fakes/engine-health.js';
import { workerCalls } from '../../../worker/session/calls.js';
import { OpenProcesses } from '../../../worker/session/served-stream.js';

/** Calls on a node whose engine and tasks are never reached. */
const call = workerCalls({
  engine: { health: answeringEngine } as never,
  tasks: {} as never,
  processes: new OpenProcesses(),
  clock: new ManualClock(),
});

async function failureOf(name: string, args: object): Promise<string> {
  try {
    await call({ name, args: { ...args } }, new AbortController().signal);
  } catch (error) {
    return isAppError(error) ? `${error.kind}: ${error.message}` : String(error);
  }
  return 'no error';
}

test('malformed arguments are refused before the engine is called', async (t) => {
  t.is(
    await failureOf('restart', { taskId: 't1', timeoutMs: '10' }),
    'invalid: call restart: args.timeoutMs must be a number',
  );
  t.is(
    await failureOf('removeVolume', { name: '' }),
    'invalid: call removeVolume: args.name must be a non-empty string',
  );
  t.is(
    await failureOf('resize', { streamId: 's', columns: null, rows: 1 }),
    'invalid: call resize: args.columns must be a number',
  );
});

test('an unknown call is unsupported, also the name of an inherited property', async (t) => {
  for (const name of ['teleport', 'toString']) {
    t.is(
      await failureOf(name, {}),
      `unsupported: call ${name} is not supported by this node; upgrade its worker`,
    );
  }
});
