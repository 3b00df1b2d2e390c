import test from 'ava';
import { AppError } from '../../../manager/common/base/errors.js';
import type { CertificateSigner } from '../../../manager/dispatcher/certificates.js';
import { WorkerCertificates } from '../../../manager/dispatcher/certificates.js';
import { ManualClock } from '../../helpers/fakes/manual-clock.js';
import { aSession, type FakeSession } from '../../helpers/fakes/worker-session.js';
import { silentLogger } from '../../helpers/fakes/silent-logger.js';

type Posted = Pick<FakeSession, 'session' | 'posted'>;

function sessionOf(nodeId: string, authority = 'old'): Posted {
  return aSession(nodeId, { authority, hello: { name: `name-${nodeId}` } });
}

interface Stage {
  readonly clock: ManualClock;
  readonly certificates: WorkerCertificates;
}

function stage(sessions: readonly Posted[], signer?: Partial<CertificateSigner>): Stage {
  const clock = new ManualClock();
  const certificates = new WorkerCertificates({
    signer:
      signer === undefined
        ? undefined
        : { sign: () => Promise.resolve('chain'), refusedAuthorities: () => ['r1'], ...signer },
    clock,
    log: silentLogger,
    sessions: () => sessions.map(({ session }) => session),
  });
  return { clock, certificates };
}

const renew = (requestId: number): never => ({ kind: 'renew', requestId, request: 'csr' }) as never;

test('the refused CAs are announced to every worker', (t) => {
  const sessions = [sessionOf('n1'), sessionOf('n2')];
  stage(sessions, {}).certificates.announceRefusedAuthorities();
  for (const { posted } of sessions)
    t.deepEqual(posted, [{ kind: 'refuse-authorities', ids: ['r1'] }]);
  t.deepEqual(stage([]).certificates.refusedAuthorities(), []);
});

test('the peers are those of the open sessions', (t) => {
  const one = sessionOf('n1');
  t.deepEqual([...stage([one]).certificates.peers()], [[one.session.nodeId, one.session.peer]]);
});

test('a renewal is answered with the chain that the CA signed for this peer', async (t) => {
  const one = sessionOf('n1');
  const asked: unknown[] = [];
  const { certificates } = stage([one], {
    sign: (peer, request) => {
      asked.push([peer, request]);
      return Promise.resolve('chain');
    },
  });
  await certificates.handleRenewal(one.session, renew(7));
  t.deepEqual(one.posted, [{ kind: 'certificate', requestId: 7, chain: 'chain' }]);
  t.deepEqual(asked, [[one.session.peer, 'csr']]);
});

test('a node renews at most once a second, and other nodes do not wait', async (t) => {
  const [one, other] = [sessionOf('n1'), sessionOf('n2')];
  const { certificates, clock } = stage([one, other], {});
  await certificates.handleRenewal(one.session, renew(1));
  clock.advance(999);
  await certificates.handleRenewal(one.session, renew(2));
  await certificates.handleRenewal(other.session, renew(3));
  clock.advance(1);
  await certificates.handleRenewal(one.session, renew(4));
  const kinds = one.posted.map((message) => (message as { error?: { kind: string } }).error?.kind);
  t.deepEqual(kinds, [undefined, 'unavailable', undefined]);
  t.like(other.posted[0], { chain: 'chain' });
});

test('a node that was forgotten may renew at once', async (t) => {
  const one = sessionOf('n1');
  const { certificates } = stage([one], {});
  await certificates.handleRenewal(one.session, renew(1));
  certificates.forget(one.session.nodeId);
  await certificates.handleRenewal(one.session, renew(2));
  t.like(one.posted[1], { chain: 'chain' });
});

test('a failure is answered and does not stop the next request', async (t) => {
  const [one, other] = [sessionOf('n1'), sessionOf('n2')];
  const { certificates } = stage([one, other], {
    sign: ({ nodeId }) =>
      nodeId === 'n1' ? Promise.reject(new AppError('invalid', 'bad')) : Promise.resolve('chain'),
  });
  await Promise.all([
    certificates.handleRenewal(one.session, renew(1)),
    certificates.handleRenewal(other.session, renew(2)),
  ]);
  t.deepEqual(one.posted, [
    { kind: 'certificate', requestId: 1, error: { kind: 'invalid', message: 'bad' } },
  ]);
  t.like(other.posted[0], { chain: 'chain' });
});

test('requests are signed one after the other', async (t) => {
  const sessions = [sessionOf('n1'), sessionOf('n2')];
  let [running, most] = [0, 0];
  const { certificates } = stage(sessions, {
    sign: async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((done) => setImmediate(done));
      running -= 1;
      return 'chain';
    },
  });
  await Promise.all(
    sessions.map(({ session }, index) => certificates.handleRenewal(session, renew(index))),
  );
  t.is(most, 1);
});

test('a manager without a CA says so', async (t) => {
  const one = sessionOf('n1');
  await stage([one]).certificates.handleRenewal(one.session, renew(1));
  t.like(one.posted[0], { error: { kind: 'unsupported' } });
});

test('only workers with a certificate of the CA are asked, again after twenty seconds', (t) => {
  const [old, fresh] = [sessionOf('n1'), sessionOf('n2', 'new')];
  const { certificates, clock } = stage([fresh, old], {});
  const asks = (): number => {
    certificates.requestRenewals('old');
    return old.posted.length;
  };
  t.is(asks(), 1);
  clock.advance(19_999);
  t.is(asks(), 1);
  clock.advance(1);
  t.is(asks(), 2);
  certificates.forget(old.session.nodeId);
  t.is(asks(), 3);
  t.deepEqual(old.posted[0], { kind: 'renew-now' });
  t.deepEqual(fresh.posted, []);
});

test('at most twenty workers are asked at once', (t) => {
  const sessions = Array.from({ length: 30 }, (_, index) => sessionOf(`n${index}`));
  stage(sessions, {}).certificates.requestRenewals('old');
  t.deepEqual(
    sessions.map(({ posted }) => posted.length),
    sessions.map((_, index) => (index < 20 ? 1 : 0)),
  );
});
