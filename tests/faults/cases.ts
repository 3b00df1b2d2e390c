import { clockJump, makeClock, removeClock } from './clock.js';
import {
  belowConsul,
  belowStore,
  belowWorker,
  fillDisk,
  makeEngineLarge,
  makeEngineSmall,
  makeLarge,
  makeSmall,
} from './disk.js';
import type { ClusterKind } from './options.js';
import type { Scene } from './scene.js';
import { nodes } from './scene.js';
import type { Choose, Strike } from './strikes.js';
import {
  any,
  anyBut,
  cableCut,
  consulLeader,
  kill,
  killAll,
  leader,
  powerCut,
  quorumLost,
} from './strikes.js';

export type Work = 'up' | 'scale' | 'update' | 'down';

/** Something breaks, and is mended again where it does not mend itself. */
export interface Fault {
  readonly name: string;
  /** What the user does meanwhile; without, the cluster is at rest. */
  readonly during?: Work;
  readonly strike: Strike;
  /** What has to be there first, and is taken away when all has been judged. */
  readonly prepare?: (scene: Scene) => Promise<void>;
  readonly undo?: (scene: Scene) => Promise<void>;
}

const works: readonly Work[] = ['up', 'scale', 'update', 'down'];

interface Victim {
  readonly what: string;
  readonly unit: string;
  readonly choose: Choose;
}

const workerAndEngine: readonly Victim[] = [
  { what: 'a worker', unit: 'shoal-worker', choose: any },
  { what: 'an engine', unit: 'docker', choose: any },
];

const victims: Readonly<Record<ClusterKind, readonly Victim[]>> = {
  embedded: [{ what: 'the manager', unit: 'shoal-manager', choose: leader }, ...workerAndEngine],
  consul: [
    { what: 'the leading manager', unit: 'shoal-manager', choose: leader },
    { what: 'another manager', unit: 'shoal-manager', choose: anyBut(leader) },
    ...workerAndEngine,
    { what: 'the leading consul server', unit: 'shoal-consul', choose: consulLeader },
    { what: 'another consul server', unit: 'shoal-consul', choose: anyBut(consulLeader) },
  ],
};

const killed = (kind: ClusterKind): readonly Fault[] =>
  works.flatMap((during) =>
    victims[kind].map(({ what, unit, choose }): Fault => {
      return { name: `kill -9 of ${what} during ${during}`, strike: kill(unit, choose), during };
    }),
  );

const powerCuts: readonly Fault[] = [
  { name: "power cut of the leading manager's machine", strike: powerCut(leader) },
  {
    name: 'power cut of another machine during scale',
    strike: powerCut(anyBut(leader)),
    during: 'scale',
  },
  { name: 'all machines off and on', strike: powerCut('all') },
];

const exactly =
  (name: string): Choose =>
  () =>
    name;
const notThat = (name: string): Choose => anyBut(exactly(name));
const notThatNorLeader =
  (name: string): Choose =>
  async (scene, random) => {
    const led = await scene.leader();
    const rest = nodes.filter((other) => other !== name && other !== led);
    return rest[Math.floor(random() * rest.length)] ?? name;
  };

const cableCuts: readonly Fault[] = [5, 20, 60].flatMap((seconds): readonly Fault[] => [
  {
    name: `cable cut ${seconds} s between the leading manager and another machine`,
    strike: cableCut(seconds, leader, notThat),
  },
  {
    name: `cable cut ${seconds} s between two other machines`,
    strike: cableCut(seconds, anyBut(leader), notThatNorLeader),
  },
  {
    name: `cable cut ${seconds} s of the leading manager's machine`,
    strike: cableCut(seconds, leader),
  },
  { name: `cable cut ${seconds} s of another machine`, strike: cableCut(seconds, anyBut(leader)) },
]);

const fullDisk = (what: string, where: string, below: typeof belowStore): Fault => {
  return {
    name: `full disk below ${what} during scale`,
    during: 'scale',
    prepare: (scene) => makeSmall(scene.machine(where), below),
    strike: fillDisk(where, below.folder),
    undo: (scene) => makeLarge(scene.machine(where), below),
  };
};

interface Clock {
  readonly what: string;
  readonly unit: string;
  /** Machines where the unit gets a clock of its own first. */
  readonly machines: readonly string[];
  readonly choose: Choose;
}

const clockJumps = ({ what, unit, machines, choose }: Clock): readonly Fault[] =>
  [600, -600].map((seconds): Fault => {
    const each = (change: typeof makeClock) => async (scene: Scene) => {
      for (const name of machines) await change(scene.machine(name), unit);
    };
    return {
      name: `clock of ${what} jumps by ${seconds / 60} min during scale`,
      during: 'scale',
      prepare: each(makeClock),
      strike: clockJump(choose, seconds),
      undo: each(removeClock),
    };
  });

const manager = { what: 'the leading manager', unit: 'shoal-manager', choose: leader };
const worker = { what: 'a worker', unit: 'shoal-worker', choose: exactly('node-2') };

const everywhere: readonly Fault[] = [
  ...powerCuts,
  ...cableCuts,
  fullDisk('a worker', 'node-2', belowWorker),
  {
    name: 'full disk below an engine during scale',
    during: 'scale',
    prepare: (scene) => makeEngineSmall(scene.machine('node-3')),
    strike: fillDisk('node-3'),
    undo: (scene) => makeEngineLarge(scene.machine('node-3')),
  },
  ...clockJumps({ ...worker, machines: ['node-2'] }),
];

/** Every combination that is tried, in order. */
export const faults: Readonly<Record<ClusterKind, readonly Fault[]>> = {
  embedded: [
    ...killed('embedded'),
    ...everywhere,
    fullDisk('the store', 'node-1', belowStore),
    ...clockJumps({ ...manager, machines: ['node-1'] }),
  ],
  consul: [
    ...killed('consul'),
    ...everywhere,
    fullDisk('a consul server', 'node-3', belowConsul),
    ...clockJumps({ ...manager, machines: nodes }),
    {
      name: 'all consul servers killed during scale',
      strike: killAll('shoal-consul'),
      during: 'scale',
    },
    {
      name: 'consul loses its quorum for 10 s during scale',
      strike: quorumLost(10),
      during: 'scale',
    },
    { name: 'all managers killed during scale', strike: killAll('shoal-manager'), during: 'scale' },
  ],
};
