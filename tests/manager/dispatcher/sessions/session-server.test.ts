import { setImmediate as nextTick } from 'node:timers/promises';
import test from 'ava';
import { AppError } from '../../../../manager/common/base/errors.js';
import { SessionServer } from '../../../../manager/dispatcher/sessions/session-server.js';
import { FakeConnection } from '../../../helpers/fakes/fake-connection.js';
import { ManualClock } from '../../../helpers/fakes/manual-clock.js';
import { recordingLogger } from '../../../helpers/fakes/recording-logger.js';
import { aHello, aSession, aWorkerPeer } from '../../../helpers/fakes/worker-session.js';

const heartbeat = { kind: 'heartbeat' };

/** A server that records what happens to the connection of worker w1. */
function serve(broken: { begin?: AppError; handle?: AppError } = {}) {
  const clock = new ManualClock();
  const { log, lines } = recordingLogger();
  const events: string[] = [];
  const malformed: string[] = [];
  const { session } = aSession('w1');
  const server = new SessionServer({
    clock,
    log,
    clusterId: 'c1',
    begin: (_connection, hello, peer) => {
      events.push(`begin ${hello.name} ${peer.nodeId}`);
      return broken.begin === undefined ? Promise.resolve(session) : Promise.reject(broken.begin);
    },
    handle: (of, message) => {
      events.push(`${message.kind} of ${of.nodeId}`);
      if (broken.handle !== undefined) throw broken.handle;
    },
    end: (of) => events.push(`end ${of.nodeId}`),
    malformed: (nodeId, problem) => malformed.push(`${nodeId}: ${problem}`),
  });
  const connection = new FakeConnection();
  const served = server.serve(connection, aWorkerPeer('w1'));
  return { clock, server, connection, served, events, malformed, lines };
}

test('a worker says hello, then its messages are handled until it hangs up', async (t) => {
  const { connection, served, events, lines } = serve();
  connection.receive(aHello('w1'));
  connection.receive(heartbeat);
  connection.receive(heartbeat);
  connection.hangUp();
  await served;
  t.deepEqual(events, ['begin w1 w1', 'heartbeat of w1', 'heartbeat of w1', 'end w1']);
  t.deepEqual(connection.closes, []);
  t.deepEqual(lines, []);
});

test('a connection without a hello within five seconds is closed', async (t) => {
  const { clock, connection, served, events } = serve();
  clock.advance(4_999);
  t.deepEqual(connection.closes, []);
  clock.advance(1);
  await served;
  t.deepEqual(connection.closes, ['4403 no hello received in time']);
  t.deepEqual(events, []);
});

test('a hello ends the deadline, and so does the end of the connection', async (t) => {
  const { clock, connection, served } = serve();
  connection.receive(aHello('w1'));
  await nextTick();
  clock.advance(60_000);
  t.deepEqual(connection.closes, []);
  connection.hangUp();
  await served;
  const early = serve();
  early.connection.hangUp();
  await early.served;
  early.clock.advance(60_000);
  t.deepEqual(early.connection.closes, []);
});

for (const [title, message, reason] of [
  ['that does not begin with a hello', heartbeat, 'hello must come first'],
  ['of another cluster', aHello('w1', { clusterId: 'c2' }), 'belongs to cluster c2, this is c1'],
  ['of another node', aHello('w2'), 'its certificate says w1'],
  ['with text that is not JSON', '{', 'message is not valid JSON'],
] as const) {
  test(`a session ${title} is refused and logged`, async (t) => {
    const { connection, served, events, lines } = serve();
    connection.receive(message);
    await served;
    t.is(connection.closes.length, 1);
    t.true(connection.closes[0]?.startsWith('4403 '));
    t.true(connection.closes[0]?.endsWith(reason));
    t.is(lines.length, 1);
    t.true(lines[0]?.startsWith('warn: session of node w1 ended: '));
    t.deepEqual(events, []);
  });
}

test('a node that is not admitted hears the reason', async (t) => {
  const { connection, served, events } = serve({
    begin: new AppError('conflict', 'name is taken'),
  });
  connection.receive(aHello('w1'));
  await served;
  t.deepEqual(connection.closes, ['4403 name is taken']);
  t.deepEqual(events, ['begin w1 w1']);
});

test('a message that cannot be handled ends the session', async (t) => {
  const { connection, served, events } = serve({ handle: new AppError('invalid', 'no') });
  connection.receive(aHello('w1'));
  connection.receive(heartbeat);
  await served;
  t.deepEqual(connection.closes, ['4403 no']);
  t.deepEqual(events, ['begin w1 w1', 'heartbeat of w1', 'end w1']);
});

test('a broken connection ends its session; after the stop that is not logged', async (t) => {
  const one = serve();
  one.connection.receive(aHello('w1'));
  one.connection.receive(new AppError('unavailable', 'connection was lost'));
  await one.served;
  t.deepEqual(one.lines, ['warn: session of node w1 ended: connection was lost']);
  t.deepEqual(one.events, ['begin w1 w1', 'end w1']);
  const other = serve();
  other.connection.receive(aHello('w1'));
  other.server.stop();
  other.connection.receive(new AppError('unavailable', 'connection was lost'));
  await other.served;
  t.deepEqual(other.lines, []);
  t.deepEqual(other.events, ['begin w1 w1', 'end w1']);
});

test('a message that cannot be read is reported with its node, other refusals are not', async (t) => {
  const unreadable = serve();
  unreadable.connection.receive(aHello('w1'));
  unreadable.connection.receive({ kind: 'status', reports: 5 });
  await unreadable.served;
  t.deepEqual(unreadable.malformed, ['w1: message status: reports must be an array']);
  t.deepEqual(unreadable.events, ['begin w1 w1', 'end w1']);
  const refused = serve({ begin: new AppError('conflict', 'name is taken') });
  refused.connection.receive(aHello('w1'));
  await refused.served;
  t.deepEqual(refused.malformed, []);
  const wrong = serve({ handle: new AppError('invalid', 'too many') });
  wrong.connection.receive(aHello('w1'));
  wrong.connection.receive(heartbeat);
  await wrong.served;
  t.deepEqual(wrong.malformed, ['w1: too many']);
});
