import test from 'ava';
import { aNetwork } from '../../../fixtures/cluster/build.js';
import type { AssignedTask } from '../../../manager/common/protocol/assignments.js';
import type { ObservedContainer } from '../../../worker/executor/executor.js';
import type { StepInput } from '../../../worker/tasks/step.js';
import { nextStep } from '../../../worker/tasks/step.js';
import { now, prepared, ran, seen, task } from '../../helpers/decisions/task-step.js';

/** A client's container with these addresses assigned, one per network. */
function onNetworks(addresses: readonly string[]): AssignedTask {
  const base = task();
  const container = { ...base.spec.container, origin: { autoRemove: false } };
  const attachments = addresses.map((address, index) => {
    const network = aNetwork(`net${index}`);
    return { networkId: network.id, network: network.spec.name, address, mac: '', aliases: [] };
  });
  return { ...base, spec: { ...base.spec, container }, attachments };
}

function withAddresses(state: 'running' | 'paused' | 'created'): ObservedContainer {
  return seen(state, { addresses: { net0: '10.1.0.5' } });
}

const cases: readonly (readonly [string, Omit<StepInput, 'now'>, string])[] = [
  [
    "a client's container joins the networks that it was connected to while it runs",
    { task: onNetworks(['10.1.0.5', '10.2.0.5']), seen: withAddresses('running'), memory: ran },
    'connect',
  ],
  [
    "a client's container leaves a network while it is paused",
    { task: onNetworks([]), seen: withAddresses('paused'), memory: ran },
    'connect',
  ],
  [
    "a client's container joins its networks before its start",
    { task: onNetworks(['10.2.0.5']), seen: withAddresses('created'), memory: prepared },
    'connect',
  ],
  [
    "a client's container that has its networks needs no action",
    { task: onNetworks(['10.1.0.5']), seen: withAddresses('running'), memory: ran },
    'wait',
  ],
];

for (const [title, input, expected] of cases) {
  test(title, (t) => {
    const step = nextStep({ ...input, now });
    const found: string = step.kind === 'act' ? step.action : step.kind;
    t.is(found, expected);
  });
}
