import type { Lab } from '../../fixtures/lab/lab.js';

/** Something breaks, and is mended again where it does not mend itself. */
export interface Fault {
  readonly name: string;
  readonly strike: (lab: Lab) => Promise<void>;
  /** What the user does meanwhile; without, the cluster is at rest. */
  readonly during?: 'scale' | 'update' | 'down';
}

const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

const kill = (node: string, unit: string) => async (lab: Lab) => {
  await lab.machine(node).output(['systemctl', 'kill', '-s', 'KILL', unit]);
};

const powerCut = (nodes: readonly string[]) => async (lab: Lab) => {
  await Promise.all(nodes.map((node) => lab.machine(node).kill()));
  await pause(3_000);
  await Promise.all(
    nodes.map(async (node) => {
      await lab.machine(node).boot();
      await lab.machine(node).ready();
    }),
  );
};

const cableCut = (node: string, seconds: number) => async (lab: Lab) => {
  await lab.cut(node);
  await pause(seconds * 1_000);
  await lab.heal(node);
};

/** Puts a small file system below a daemon's data, fills it for a while, and takes it away again. */
const fullDisk = (node: string, unit: string, folder: string) => async (lab: Lab) => {
  const machine = lab.machine(node);
  const small = `systemctl stop ${unit} && cp -a ${folder} ${folder}.kept &&
    mount -t tmpfs -o size=8m none ${folder} && cp -a ${folder}.kept/. ${folder}/ &&
    systemctl start ${unit}`;
  await machine.output(['sh', '-c', small]);
  await pause(2_000);
  await machine.exec(['sh', '-c', `cat /dev/zero > ${folder}/ballast`]);
  await pause(6_000);
  await machine.output(['rm', '-f', `${folder}/ballast`]);
  await pause(3_000);
  const back = `systemctl stop ${unit} && rm -rf ${folder}.kept && cp -a ${folder} ${folder}.kept &&
    umount ${folder} && rm -rf ${folder} && mv ${folder}.kept ${folder} && systemctl start ${unit}`;
  await machine.output(['sh', '-c', back]);
};

const victims = [
  { what: 'manager', node: 'node-1', unit: 'shoal-manager' },
  { what: 'worker', node: 'node-2', unit: 'shoal-worker' },
  { what: 'engine', node: 'node-3', unit: 'docker' },
] as const;

/** Every combination that is tried, in order. */
export const faults: readonly Fault[] = [
  ...(['scale', 'update', 'down'] as const).flatMap((during) =>
    victims.map(({ what, node, unit }): Fault => {
      return { name: `kill -9 of the ${what} during ${during}`, strike: kill(node, unit), during };
    }),
  ),
  { name: "power cut of the manager's machine", strike: powerCut(['node-1']) },
  {
    name: 'power cut of another machine during scale',
    strike: powerCut(['node-3']),
    during: 'scale',
  },
  ...[5, 20, 60].map((seconds): Fault => {
    return { name: `cable cut for ${seconds} s`, strike: cableCut('node-3', seconds) };
  }),
  {
    name: 'full disk below the store during scale',
    strike: fullDisk('node-1', 'shoal-manager', '/var/lib/shoal/manager'),
    during: 'scale',
  },
  {
    name: 'full disk below a worker during scale',
    strike: fullDisk('node-2', 'shoal-worker', '/var/lib/shoal/worker'),
    during: 'scale',
  },
  { name: 'all machines off and on', strike: powerCut(['node-1', 'node-2', 'node-3']) },
];
