import { stopDependents } from '../../manager/control/apply-project.js';
import { applyService, restartEndedTasks } from '../../manager/control/apply-service.js';
import { podOf, podLinksOf } from '../../manager/common/model/pod.js';
import { withNewTasks, rolledBack, currentUpdate } from '../../manager/common/model/rollback.js';
import type { Node } from '../../manager/common/model/node.js';
import type { Service, ServiceSpec } from '../../manager/common/model/service.js';
import type { ProjectApply } from '../../manager/common/protocol/project-calls.js';
import type { Transaction } from '../../manager/store/store.js';
import type { RandomSource } from './random-service.js';
import { anUpdate, createService, networkName, pick } from './random-service.js';

export type UserAction = (tx: Transaction) => void;

/** A random user action. */
export function randomAction(lots: RandomSource): UserAction {
  const acts: readonly (readonly [number, (tx: Transaction, lots: RandomSource) => void])[] = [
    [6, createService],
    [4, scale],
    [6, update],
    [2, recreate],
    [1, roll],
    [lots.anonymousVolumes ? 1 : 0, renewVolumes],
    [2, rollBack],
    [3, stopOrStart],
    [2, removeService],
    [3, changeNode],
    [1, removeDeadNode],
    [1, removeProject],
    [1, removeVolume],
  ];
  let at = lots.random() * acts.reduce((sum, [weight]) => sum + weight, 0);
  for (const [weight, act] of acts) {
    at -= weight;
    if (at >= 0) continue;
    return (tx) => {
      act(tx, lots);
    };
  }
  return () => undefined;
}

/** Replaces failing images, resumes paused updates and makes every node active. */
export function repairSpecs(tx: Transaction): void {
  for (const node of tx.list('nodes')) {
    const { forced: _forced, ...spec } = node.spec;
    tx.put('nodes', { ...node, spec: { ...spec, availability: 'active' } });
  }
  for (const service of tx.list('services')) {
    if (service.removing) continue;
    const { image } = service.spec.task.container;
    const fails = ['broken', 'sick', 'crash'].includes(image);
    if (fails) bringUp(tx, withImage(service.spec, 'server'));
    else if (currentUpdate(service)?.state === 'paused') bringUp(tx, service.spec);
  }
}

/** Applies a spec as `shoal up` does. */
function bringUp(
  tx: Transaction,
  spec: ServiceSpec,
  flags: Partial<Pick<ProjectApply, 'forceRecreate' | 'renewVolumes'>> = {},
): void {
  const newId = (): string => spec.service;
  const before = tx.serviceByName(spec.name);
  applyService({ tx, view: tx, newId }, spec, {
    ...{ keepReplicas: [], renewVolumes: [], forceRecreate: [] },
    ...flags,
  });
  const services = tx.list('services').map((service) => service.spec);
  stopDependents(tx, { services }, before === undefined ? [] : [before]);
}

function withImage(spec: ServiceSpec, image: string): ServiceSpec {
  return { ...spec, task: { ...spec.task, container: { ...spec.task.container, image } } };
}

function aService(tx: Transaction, random: () => number): Service | undefined {
  return pick(
    tx.list('services').filter((service) => !service.removing),
    random,
  );
}

/** All members of a pod get the same number of replicas, as the manager's calls enforce. */
function scale(tx: Transaction, { random, tally }: RandomSource): void {
  const service = aService(tx, random);
  if (service?.spec.mode.kind !== 'replicated') return;
  const all = tx.list('services').filter(({ removing }) => !removing);
  const members = all.map(({ spec }) => ({
    name: spec.service,
    leaders: podLinksOf(spec.task.container).map((tie) => tie.service),
  }));
  const pod = podOf(service.spec.service, members);
  const replicas = Math.floor(random() * 6);
  for (const each of all) {
    if (!pod.includes(each.spec.service) || each.spec.mode.kind !== 'replicated') continue;
    const mode = { ...each.spec.mode, replicas };
    tx.put('services', { ...each, spec: { ...each.spec, mode } });
  }
  tally.record('scaled');
}

function update(tx: Transaction, { random, tally }: RandomSource): void {
  const service = aService(tx, random);
  if (service === undefined || service.spec.mode.job === true) return;
  const fails = random() < 0.4;
  const image = fails ? (pick(['broken', 'sick', 'crash'], random) ?? 'broken') : 'server';
  const { update = anUpdate(random) } = service.spec;
  const spec = { ...withImage(service.spec, image), update };
  const env = { VERSION: String(Math.floor(random() * 1_000)) };
  const next = { ...spec, task: { ...spec.task, container: { ...spec.task.container, env } } };
  bringUp(tx, next);
  tally.record(fails ? 'updated to an image that fails' : 'updated');
}

function recreate(tx: Transaction, { random, tally }: RandomSource): void {
  const service = aService(tx, random);
  if (service === undefined) return;
  bringUp(tx, service.spec, { forceRecreate: [service.spec.service] });
  tally.record('recreated');
}

function renewVolumes(tx: Transaction, { random, tally }: RandomSource): void {
  const service = aService(tx, random);
  if (service === undefined) return;
  bringUp(tx, service.spec, { renewVolumes: [service.spec.service] });
  tally.record('volumes renewed');
}

function roll(tx: Transaction, { random, tally }: RandomSource): void {
  const service = aService(tx, random);
  if (service === undefined) return;
  tx.put('services', withNewTasks(service, tx.now));
  tally.record('rolled');
}

function rollBack(tx: Transaction, { random, tally }: RandomSource): void {
  const service = aService(tx, random);
  if (service === undefined) return;
  const former = rolledBack(service, { now: tx.now, message: 'asked for' });
  if (former === undefined) return;
  tx.put('services', former);
  tally.record('rolled back');
}

function stopOrStart(tx: Transaction, { random, tally }: RandomSource): void {
  const service = aService(tx, random);
  if (service === undefined) return;
  const halted = !service.spec.halted;
  tx.put('services', { ...service, spec: { ...service.spec, halted } });
  if (!halted) restartEndedTasks({ tx, view: tx }, service);
  tally.record(halted ? 'stopped' : 'started');
}

function removeService(tx: Transaction, { random, tally }: RandomSource): void {
  const service = aService(tx, random);
  if (service === undefined) return;
  tx.put('services', { ...service, removing: true });
  tally.record('service removed');
}

function removeProject(tx: Transaction, { tally }: RandomSource): void {
  for (const service of tx.list('services')) tx.put('services', { ...service, removing: true });
  const network = tx.networkByName(networkName);
  if (network !== undefined) tx.put('networks', { ...network, removing: true });
  tally.record('project removed');
}

/** Removes a volume that no service mounts. */
function removeVolume(tx: Transaction, { random, tally }: RandomSource): void {
  const used = new Set(
    tx
      .list('services')
      .flatMap(({ spec }) => spec.task.container.mounts)
      .map((mount) => (mount.type === 'volume' ? mount.source : undefined)),
  );
  const volume = pick(
    tx.list('volumes').filter(({ spec, removing }) => !removing && !used.has(spec.name)),
    random,
  );
  if (volume === undefined) return;
  tx.put('volumes', { ...volume, removing: true });
  tally.record('volume removed');
}

function changeNode(tx: Transaction, { random, tally }: RandomSource): void {
  const node = pick(tx.list('nodes'), random);
  if (node === undefined) return;
  const choices: readonly Node['spec']['availability'][] = ['active', 'active', 'drain', 'pause'];
  const availability = pick(choices, random) ?? 'active';
  if (availability === 'drain') tally.record('node drained');
  if (availability === 'pause') tally.record('node paused');
  const { forced: _forced, ...spec } = node.spec;
  const isForced = availability === 'drain' && random() < 0.3;
  tx.put('nodes', {
    ...node,
    spec: { ...spec, availability, ...(isForced ? { forced: true as const } : {}) },
  });
}

function revoke(tx: Transaction, id: string): void {
  const cluster = tx.get('cluster', 'cluster');
  if (cluster !== undefined) {
    tx.put('cluster', { ...cluster, revoked: [...cluster.revoked, id] });
    return;
  }
  const names = { clusterId: 'simulated', name: 'simulated' };
  tx.create('cluster', { id: 'cluster', ...names, revoked: [id] });
}

function removeDeadNode(tx: Transaction, { tally }: RandomSource): void {
  const dead = tx.list('nodes').find((node) => node.status.state === 'down');
  if (dead === undefined || tx.count('nodes') <= 2) return;
  tx.remove('nodes', dead.id);
  revoke(tx, dead.id);
  tally.record('node removed');
}
