import { aNode, aService, aTask } from '../../../fixtures/cluster/build.js';

export const web = aService('web', { replicas: 2, task: { container: { image: 'web:1' } } });

export const node1 = aNode('n1', { name: 'node-1', address: '10.98.0.11' });

const node2 = aNode('n2', { name: 'node-2', address: '10.98.0.12' });

const port = { target: 3000, protocol: 'tcp', published: 32_768, hostIp: '0.0.0.0' } as const;

export function running(slot: number, node: string) {
  return aTask(web, slot, {
    node,
    status: {
      containerId: `${'c'.repeat(20)}${slot}`,
      startedAt: 60_000,
      ports: [port],
      restarts: slot - 1,
      command: ['node', 'main.js'],
    },
  });
}

/** Objects of the project `demo` for a fake cluster: a service with two tasks on two nodes. */
export const objects = {
  services: [web],
  tasks: [
    running(1, 'n1'),
    running(2, 'n2'),
    aTask(web, 3, { id: 'old', node: 'n1', state: 'failed', desired: 'shutdown' }),
  ],
  nodes: [node1, node2],
};

export const now = () => 120_000;

export const demo = ['-p', 'demo'] as const;
