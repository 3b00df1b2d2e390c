import { clockJump, installClock, removeClock } from './clock.js';
import {
  consulDisk,
  storeDisk,
  workerDisk,
  fillDisk,
  restoreEngineDisk,
  shrinkEngineDisk,
  restoreDisk,
  shrinkDisk,
} from './disk.js';
import type { ClusterKind } from './options.js';
import type { FaultCluster } from './fault-cluster.js';
import { nodes } from './fault-cluster.js';
import type { TargetSelector, FaultAction } from './fault-actions.js';
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
} from './fault-actions.js';

export type UserCommand = 'up' | 'scale' | 'update' | 'down';

/** A fault with its repair, if it does not end by itself. */
export interface Fault {
  readonly name: string;
  /** The user's command at that time; undefined if the cluster is at rest. */
  readonly during?: UserCommand;
  readonly inject: FaultAction;
  /** Sets up label the fault needs; `undo` removes it after the case is judged. */
  readonly prepare?: (scene: FaultCluster) => Promise<void>;
  readonly undo?: (scene: FaultCluster) => Promise<void>;
}

const works: readonly UserCommand[] = ['up', 'scale', 'update', 'down'];

interface Victim {
  readonly label: string;
  readonly unit: string;
  readonly choose: TargetSelector;
}

const workerAndEngine: readonly Victim[] = [
  { label: 'a worker', unit: 'shoal-worker', choose: any },
  { label: 'an engine', unit: 'docker', choose: any },
];

const victims: Readonly<Record<ClusterKind, readonly Victim[]>> = {
  embedded: [{ label: 'the manager', unit: 'shoal-manager', choose: leader }, ...workerAndEngine],
  consul: [
    { label: 'the leading manager', unit: 'shoal-manager', choose: leader },
    { label: 'another manager', unit: 'shoal-manager', choose: anyBut(leader) },
    ...workerAndEngine,
    { label: 'the leading consul server', unit: 'shoal-consul', choose: consulLeader },
    { label: 'another consul server', unit: 'shoal-consul', choose: anyBut(consulLeader) },
  ],
};

const kills = (kind: ClusterKind): readonly Fault[] =>
  works.flatMap((during) =>
    victims[kind].map(({ label, unit, choose }): Fault => {
      return { name: `kill -9 of ${label} during ${during}`, inject: kill(unit, choose), during };
    }),
  );

const powerCuts: readonly Fault[] = [
  { name: "power cut of the leading manager's machine", inject: powerCut(leader) },
  {
    name: 'power cut of another machine during scale',
    inject: powerCut(anyBut(leader)),
    during: 'scale',
  },
  { name: 'all machines off and on', inject: powerCut('all') },
];

const exactly =
  (name: string): TargetSelector =>
  () =>
    name;
const otherThan = (name: string): TargetSelector => anyBut(exactly(name));
const neitherLeaderNor =
  (name: string): TargetSelector =>
  async (scene, random) => {
    const leading = await scene.leader();
    const rest = nodes.filter((other) => other !== name && other !== leading);
    return rest[Math.floor(random() * rest.length)] ?? name;
  };

const cableCuts: readonly Fault[] = [5, 20, 60].flatMap((seconds): readonly Fault[] => [
  {
    name: `cable cut ${seconds} s between the leading manager and another machine`,
    inject: cableCut(seconds, leader, otherThan),
  },
  {
    name: `cable cut ${seconds} s between two other machines`,
    inject: cableCut(seconds, anyBut(leader), neitherLeaderNor),
  },
  {
    name: `cable cut ${seconds} s of the leading manager's machine`,
    inject: cableCut(seconds, leader),
  },
  { name: `cable cut ${seconds} s of another machine`, inject: cableCut(seconds, anyBut(leader)) },
]);

const fullDisk = (label: string, where: string, below: typeof storeDisk): Fault => {
  return {
    name: `full disk below ${label} during scale`,
    during: 'scale',
    prepare: (scene) => shrinkDisk(scene.machine(where), below),
    inject: fillDisk(where, below.folder),
    undo: (scene) => restoreDisk(scene.machine(where), below),
  };
};

interface Clock {
  readonly label: string;
  readonly unit: string;
  /** Machines on which the unit gets its own clock first. */
  readonly machines: readonly string[];
  readonly choose: TargetSelector;
}

const clockJumps = ({ label, unit, machines, choose }: Clock): readonly Fault[] =>
  [600, -600].map((seconds): Fault => {
    const each = (change: typeof installClock) => async (scene: FaultCluster) => {
      for (const name of machines) await change(scene.machine(name), unit);
    };
    return {
      name: `clock of ${label} jumps by ${seconds / 60} min during scale`,
      during: 'scale',
      prepare: each(installClock),
      inject: clockJump(choose, seconds),
      undo: each(removeClock),
    };
  });

const manager = { label: 'the leading manager', unit: 'shoal-manager', choose: leader };
const worker = { label: 'a worker', unit: 'shoal-worker', choose: exactly('node-2') };

const commonFaults: readonly Fault[] = [
  ...powerCuts,
  ...cableCuts,
  fullDisk('a worker', 'node-2', workerDisk),
  {
    name: 'full disk below an engine during scale',
    during: 'scale',
    prepare: (scene) => shrinkEngineDisk(scene.machine('node-3')),
    inject: fillDisk('node-3'),
    undo: (scene) => restoreEngineDisk(scene.machine('node-3')),
  },
  ...clockJumps({ ...worker, machines: ['node-2'] }),
];

/** Every fault of the matrix, in order of execution. */
export const faults: Readonly<Record<ClusterKind, readonly Fault[]>> = {
  embedded: [
    ...kills('embedded'),
    ...commonFaults,
    fullDisk('the store', 'node-1', storeDisk),
    ...clockJumps({ ...manager, machines: ['node-1'] }),
  ],
  consul: [
    ...kills('consul'),
    ...commonFaults,
    fullDisk('a consul server', 'node-3', consulDisk),
    ...clockJumps({ ...manager, machines: nodes }),
    {
      name: 'all consul servers killed during scale',
      inject: killAll('shoal-consul'),
      during: 'scale',
    },
    {
      name: 'consul loses its quorum for 10 s during scale',
      inject: quorumLost(10),
      during: 'scale',
    },
    { name: 'all managers killed during scale', inject: killAll('shoal-manager'), during: 'scale' },
  ],
};
