import test from 'ava';
import type { ComposeService, Project } from '../../../../cli/compose/model.js';
import { isJob, jobPolicy, restartCondition } from '../../../../cli/compose/specs/jobs.js';
import type { RestartPolicy } from '../../../../manager/common/model/service.js';

test('the words of restart mean any in a restart policy', (t) => {
  t.is(restartCondition('always'), 'any');
  t.is(restartCondition('unless-stopped'), 'any');
  t.is(restartCondition(undefined), 'any');
});

test('none and on-failure keep their meaning', (t) => {
  t.is(restartCondition('none'), 'none');
  t.is(restartCondition('on-failure'), 'on-failure');
});

const projectOf = (): Project =>
  ({ locate: (path: readonly string[]) => path.join('.') }) as unknown as Project;

const policyOf = (service: object): RestartPolicy =>
  jobPolicy(projectOf(), 'a', service as ComposeService);

const usual = { condition: 'on-failure', delayMs: 5_000, maxAttempts: 0, windowMs: 0 } as const;

test('only the modes of jobs make a job', (t) => {
  const modeOf = (mode: string): ComposeService => ({ deploy: { mode } }) as ComposeService;
  t.deepEqual(
    ['replicated-job', 'global-job', 'replicated', 'global'].map((mode) => isJob(modeOf(mode))),
    [true, true, false, false],
  );
  t.false(isJob({} as ComposeService));
  t.false(isJob({ deploy: {} } as ComposeService));
});

test('a job is retried until it succeeds unless the file says otherwise', (t) => {
  t.deepEqual(policyOf({}), usual);
  t.deepEqual(policyOf({ restart: 'on-failure' }), usual);
  t.deepEqual(policyOf({ restart: 'on-failure:3' }), { ...usual, maxAttempts: 3 });
  t.deepEqual(policyOf({ restart: 'no' }), { ...usual, condition: 'none' });
});

test('the restart policy of deploy comes before restart', (t) => {
  const policy = (fields: object): RestartPolicy =>
    policyOf({ restart: 'no', deploy: { restart_policy: fields } });
  t.deepEqual(policy({}), usual);
  t.deepEqual(policy({ condition: 'on-failure' }), usual);
  t.deepEqual(policy({ condition: 'none' }), { ...usual, condition: 'none' });
  t.deepEqual(policy({ delay: '1s', max_attempts: 2, window: '1m0s' }), {
    ...{ condition: 'on-failure', delayMs: 1_000, maxAttempts: 2, windowMs: 60_000 },
  });
});

test('a policy that would restart a completed job is refused', (t) => {
  for (const restart of ['always', 'unless-stopped', 'on-failure:x', 'xon-failure']) {
    t.throws(() => policyOf({ restart }), {
      message: `services.a.restart: "${restart}" would restart a completed job; use on-failure or none`,
    });
  }
  for (const condition of ['any', 'always']) {
    t.throws(() => policyOf({ deploy: { restart_policy: { condition } } }), {
      message: `services.a.deploy.restart_policy.condition: "${condition}" would restart a completed job; use on-failure or none`,
    });
  }
});
