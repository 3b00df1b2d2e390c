import { taskHashOf } from '../../manager/model/spec-hash.js';
import type { RestartPolicy, Service, ServiceSpec } from '../../manager/model/service.js';
import type { Network } from '../../manager/model/network.js';
import type { Node } from '../../manager/model/node.js';
import type { Transaction } from '../../manager/store/store.js';
import { aNetwork, aService } from '../../fixtures/cluster/build.js';

const gib = 2 ** 30;
const networkName = 'demo_default';

export type Act = (tx: Transaction) => void;

/** What users do, drawn by lot. */
export function anAct(random: () => number, newId: () => string): Act {
  const acts: readonly (readonly [number, Act])[] = [
    [4, (tx) => createService(tx, random, newId)],
    [4, (tx) => change(tx, random, (spec) => scaled(spec, random))],
    [3, (tx) => update(tx, random)],
    [2, (tx) => change(tx, random, (spec) => ({ ...spec, halted: !spec.halted }))],
    [2, (tx) => removeService(tx, random)],
    [3, (tx) => changeNode(tx, random)],
    [1, (tx) => removeDeadNode(tx)],
    [1, removeProject],
  ];
  let at = random() * acts.reduce((sum, [weight]) => sum + weight, 0);
  for (const [weight, act] of acts) {
    at -= weight;
    if (at < 0) return act;
  }
  return () => undefined;
}

/** Every node is to be used again, and nothing is stopped in mid-air. */
export function calmDown(tx: Transaction): void {
  for (const node of tx.list('nodes')) {
    tx.put('nodes', { ...node, spec: { ...node.spec, availability: 'active' } });
  }
}

function createService(tx: Transaction, random: () => number, newId: () => string): void {
  const services = tx.list('services');
  if (services.length >= 6) return;
  const network = tx.networkByName(networkName);
  if (network?.removing === true) return;
  if (network === undefined) {
    const id = `n-${newId()}` as Network['id'];
    tx.create('networks', { ...aNetwork(networkName), id });
  }
  const name = `s${newId().slice(-4)}`;
  const other = services[Math.floor(random() * services.length)];
  const dependsOn =
    other !== undefined && random() < 0.3
      ? [
          {
            service: other.spec.service,
            condition: 'service_started' as const,
            required: true,
            restart: false,
          },
        ]
      : [];
  const port =
    random() < 0.25
      ? [
          {
            target: 80,
            protocol: 'tcp' as const,
            published: 8000 + Math.floor(random() * 3),
            mode: 'host' as const,
          },
        ]
      : [];
  const service = aService(name, {
    global: random() < 0.2,
    replicas: 1 + Math.floor(random() * 5),
    dependsOn,
    ...(random() < 0.2 ? { update: startFirst } : {}),
    task: {
      networks: random() < 0.9 ? [{ network: networkName, aliases: [] }] : [],
      memoryBytes: random() < 0.3 ? gib : 0,
      ports: port,
      ...(random() < 0.4 ? { restart: aPolicy(random) } : {}),
    },
  });
  tx.create('services', service);
}

const startFirst = {
  parallelism: 1,
  delayMs: 0,
  failureAction: 'continue',
  monitorMs: 0,
  maxFailureRatio: 0,
  order: 'start-first',
} as const;

function aPolicy(random: () => number): RestartPolicy {
  return {
    condition: 'any',
    delayMs: random() < 0.5 ? 0 : 5_000,
    maxAttempts: 0,
    windowMs: 0,
  };
}

function pick(tx: Transaction, random: () => number): Service | undefined {
  const services = tx.list('services').filter((service) => !service.removing);
  return services[Math.floor(random() * services.length)];
}

function change(
  tx: Transaction,
  random: () => number,
  edit: (spec: ServiceSpec) => ServiceSpec,
): void {
  const service = pick(tx, random);
  if (service !== undefined) tx.put('services', { ...service, spec: edit(service.spec) });
}

function scaled(spec: ServiceSpec, random: () => number): ServiceSpec {
  if (spec.mode.kind === 'global') return spec;
  return { ...spec, mode: { kind: 'replicated', replicas: Math.floor(random() * 6) } };
}

function update(tx: Transaction, random: () => number): void {
  const service = pick(tx, random);
  if (service === undefined) return;
  const forceUpdate = service.forceUpdate + 1;
  tx.put('services', {
    ...service,
    forceUpdate,
    taskHash: taskHashOf(service.spec, forceUpdate),
  });
}

function removeService(tx: Transaction, random: () => number): void {
  const service = pick(tx, random);
  if (service !== undefined) tx.put('services', { ...service, removing: true });
}

function removeProject(tx: Transaction): void {
  for (const service of tx.list('services')) tx.put('services', { ...service, removing: true });
  const network = tx.networkByName(networkName);
  if (network !== undefined) tx.put('networks', { ...network, removing: true });
}

function changeNode(tx: Transaction, random: () => number): void {
  const nodes = tx.list('nodes');
  const node = nodes[Math.floor(random() * nodes.length)];
  if (node === undefined) return;
  const wishes: readonly Node['spec']['availability'][] = ['active', 'active', 'drain', 'pause'];
  const availability = wishes[Math.floor(random() * wishes.length)] ?? 'active';
  tx.put('nodes', { ...node, spec: { ...node.spec, availability } });
}

function removeDeadNode(tx: Transaction): void {
  const dead = tx.list('nodes').find((node) => node.status.state === 'down');
  if (dead !== undefined && tx.count('nodes') > 2) tx.remove('nodes', dead.id);
}
