import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Lab } from '../../../fixtures/lab/lab.js';
import { openLab } from '../../../fixtures/lab/lab.js';
import { keptClusterVariable, sharedLab } from '../../../fixtures/lab/shared-lab.js';
import { waitFor } from '../../../fixtures/lab/wait.js';
import { E2eCluster } from './e2e-cluster.js';

/** Where the tests start their registry: this host's address on the machines' network. */
export const registryAddress = `${sharedLab.subnet}.1:5000`;
const createFlags = ['--engine-insecure-registry', registryAddress];
const count = 3;

/**
 * A cluster of three machines for a file of tests that leaves it as it was. It is made at the first
 * call and, if the environment asks for it, kept for the next file: making it takes longer than most
 * files. Give it back with `leaveSharedCluster`.
 */
export async function openSharedCluster(): Promise<E2eCluster> {
  const lab = openLab(sharedLab);
  const home = join(lab.settings.stateDir, 'client');
  const cluster = new E2eCluster(lab, home);
  if (existsSync(home) && (await isAsMade(cluster))) return cluster;
  await lab.down();
  await mkdir(home, { recursive: true });
  await cluster.provision(createFlags, count);
  return cluster;
}

/** Ends the use of the shared cluster. Throws if projects are left on it, and removes it then. */
export async function leaveSharedCluster(cluster: E2eCluster | undefined): Promise<void> {
  if (cluster === undefined) return;
  const left = await projects(cluster).catch((error: unknown) => String(error));
  if (process.env[keptClusterVariable] === undefined || left !== '') await cluster.remove();
  if (left !== '') throw new Error(`left on the shared cluster: ${left}`);
}

async function isAsMade(cluster: E2eCluster): Promise<boolean> {
  if (!allRun(cluster.lab)) return false;
  try {
    await waitFor('the shared cluster', async () => (await readyNodes(cluster)) === count);
    return (await projects(cluster)) === '';
  } catch {
    return false;
  }
}

function allRun(lab: Lab): boolean {
  const machines = lab.machines();
  return machines.length === count && machines.every(({ running }) => running);
}

async function readyNodes(cluster: E2eCluster): Promise<number> {
  const listed = await cluster.output(['node', 'ls', '--format', '{{.Status}}/{{.Availability}}']);
  return listed.split('\n').filter((line) => line === 'Ready/Active').length;
}

async function projects(cluster: E2eCluster): Promise<string> {
  return (await cluster.output(['ls', '--all', '--quiet'])).trim();
}
