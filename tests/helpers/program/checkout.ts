import { cpSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { builtProgram } from '../../../fixtures/build/program.js';
import type { Machine } from '../../../fixtures/lab/machine.js';

const root = fileURLToPath(new URL('../../../..', import.meta.url));

/**
 * Copies the built program, as an installed package holds it, into a running machine: machines
 * cannot see a checkout below /tmp. Returns the path of the client in the machine.
 */
export function copyProgram(machine: Machine): string {
  const target = '/srv/shoal';
  const folder = join(target, 'dist/program');
  mkdirSync(machine.file(folder), { recursive: true });
  cpSync(join(root, 'package.json'), machine.file(join(target, 'package.json')));
  cpSync(dirname(builtProgram()), machine.file(folder), { recursive: true });
  return join(folder, 'main.js');
}
