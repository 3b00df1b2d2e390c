import { aNetwork, aService, aVolume } from '../../fixtures/cluster/build.js';
import type { ServiceOptions } from '../../fixtures/cluster/build.js';
import type { ContainerSpec, MountSpec } from '../../manager/common/model/container.js';
import type { Network, Volume } from '../../manager/common/model/network.js';
import type {
  Dependency,
  PortSpec,
  RestartPolicy,
  Service,
  UpdateConfig,
} from '../../manager/common/model/service.js';
import type { Transaction } from '../../manager/store/store.js';
import type { Tally } from './tally.js';

export interface RandomSource {
  readonly random: () => number;
  readonly newId: () => string;
  readonly tally: Tally;
  /** Whether some services have an anonymous volume. */
  readonly anonymousVolumes: boolean;
}

const gib = 2 ** 30;
const maxServices = 7;
export const networkName = 'demo_default';

/** Creates a service of a random kind, with the network and the volume it uses. */
export function createService(tx: Transaction, lots: RandomSource): void {
  const services = tx.list('services');
  const network = tx.networkByName(networkName);
  if (services.length >= maxServices || network?.removing === true) return;
  if (network === undefined) {
    const id = `n-${lots.newId()}` as Network['id'];
    tx.create('networks', { ...aNetwork(networkName), id });
  }
  const { random, tally } = lots;
  const draw = random();
  const other = pick(services, random);
  if (draw < 0.15 && other !== undefined) {
    tx.create('services', aFollower(other, lots));
    tally.record('pod created');
  } else if (draw < 0.3) {
    tx.create('services', aJob(other, lots));
    tally.record('job created');
  } else {
    tx.create('services', aServer(tx, other, lots));
    tally.record('service created');
  }
}

export function pick<Item>(items: readonly Item[], random: () => number): Item | undefined {
  return items[Math.floor(random() * items.length)];
}

function nameOf({ newId }: RandomSource): string {
  return `s${newId().slice(-4)}`;
}

/** A pod member: it shares a namespace or the volumes of the same slot of its leader. */
function aFollower(leader: Service, lots: RandomSource): Service {
  const { random } = lots;
  const { service, mode } = leader.spec;
  const shares: readonly Partial<ContainerSpec>[] = [
    { networkMode: { kind: 'service', service } },
    { pidService: service },
    { volumesFrom: [{ service, readOnly: false }] },
  ];
  const replicas = mode.kind === 'replicated' ? mode.replicas : 1;
  return aService(nameOf(lots), {
    ...(mode.kind === 'global' ? { global: true } : { replicas }),
    dependsOn: [{ service, condition: 'service_started', required: true, restart: false }],
    task: {
      memoryBytes: random() < 0.3 ? gib : 0,
      container: { ...pick(shares, random), ...restartsOf(random) },
    },
  });
}

/** A job, which may depend on another service. */
function aJob(other: Service | undefined, lots: RandomSource): Service {
  const { random } = lots;
  const service = aService(nameOf(lots), {
    dependsOn: dependencies(other, lots),
    task: {
      networks: [{ network: networkName, aliases: [] }],
      container: { image: 'job', engineRestart: { name: 'no' } },
      ...(random() < 0.5 ? { restart: { ...aPolicy(random), condition: 'on-failure' } } : {}),
    },
  });
  const mode = { kind: 'replicated', replicas: 1 + Math.floor(random() * 3), job: true } as const;
  return { ...service, spec: { ...service.spec, mode } };
}

function aServer(tx: Transaction, other: Service | undefined, lots: RandomSource): Service {
  const { random } = lots;
  const volume = random() < 0.25 ? volumeFor(tx, lots) : undefined;
  const isAnonymous = lots.anonymousVolumes && random() < 0.5;
  if (isAnonymous) lots.tally.record('service with an anonymous volume created');
  const policy = random() < 0.4 ? aPolicy(random) : undefined;
  const options: ServiceOptions = {
    global: random() < 0.2,
    replicas: 1 + Math.floor(random() * 5),
    dependsOn: dependencies(other, lots),
    ...(random() < 0.5 ? { update: anUpdate(random) } : {}),
    task: {
      networks: random() < 0.9 ? [{ network: networkName, aliases: [] }] : [],
      memoryBytes: random() < 0.3 ? gib : 0,
      ports: random() < 0.25 ? [aPort(random)] : [],
      placement: { maxReplicasPerNode: random() < 0.1 ? 1 : 0 },
      container: {
        image: 'server',
        mounts: [
          ...(volume === undefined ? [] : [mountOf(volume)]),
          ...(isAnonymous ? [anonymousMount] : []),
        ],
        ...(random() < 0.3 ? { healthcheck: {} } : {}),
        ...(policy === undefined ? restartsOf(random) : { engineRestart: { name: 'no' } }),
      },
      ...(policy === undefined ? {} : { restart: policy }),
    },
  };
  return aService(nameOf(lots), options);
}

function dependencies(
  other: Service | undefined,
  { random, tally }: RandomSource,
): readonly Dependency[] {
  if (other === undefined || random() >= 0.35) return [];
  const { image, healthcheck } = other.spec.task.container;
  const conditions: readonly Dependency['condition'][] = [
    'service_started',
    ...(image === 'job' ? (['service_completed_successfully'] as const) : []),
    ...(healthcheck === undefined ? [] : (['service_healthy'] as const)),
  ];
  tally.record('service that depends on others created');
  const condition = conditions.at(-1) ?? 'service_started';
  const required = random() < 0.8;
  return [{ service: other.spec.service, condition, required, restart: true }];
}

function volumeFor(tx: Transaction, { random, newId, tally }: RandomSource): Volume {
  const known = pick(
    tx.list('volumes').filter(({ removing }) => !removing),
    random,
  );
  tally.record('service with a volume created');
  if (known !== undefined && random() < 0.5) return known;
  return tx.create('volumes', aVolume(`data-${newId()}`));
}

function mountOf({ spec }: Volume): MountSpec {
  return { type: 'volume', source: spec.name, target: '/data', readOnly: false, noCopy: false };
}

const anonymousMount: MountSpec = {
  ...{ type: 'volume', target: '/scratch', readOnly: false, noCopy: false },
};

function restartsOf(random: () => number): Pick<ContainerSpec, 'engineRestart'> {
  const names = ['always', 'always', 'unless-stopped', 'on-failure', 'no'] as const;
  return { engineRestart: { name: pick(names, random) ?? 'always' } };
}

function aPort(random: () => number): PortSpec {
  const published = 8000 + Math.floor(random() * 3);
  return { target: 80, protocol: 'tcp', published, mode: 'host' };
}

export function anUpdate(random: () => number): UpdateConfig {
  const actions = ['pause', 'continue', 'rollback', 'rollback'] as const;
  return {
    parallelism: Math.floor(random() * 3),
    delayMs: random() < 0.3 ? 4_000 : 0,
    failureAction: pick(actions, random) ?? 'pause',
    monitorMs: random() < 0.5 ? 5_000 : 0,
    maxFailureRatio: random() < 0.3 ? 0.3 : 0,
    order: random() < 0.4 ? 'start-first' : 'stop-first',
  };
}

function aPolicy(random: () => number): RestartPolicy {
  const limited = random() < 0.3;
  return {
    condition: 'any',
    delayMs: random() < 0.5 ? 0 : 5_000,
    maxAttempts: limited ? 3 : 0,
    windowMs: limited ? 10_000 : 0,
  };
}
