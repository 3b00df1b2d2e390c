import { join } from 'node:path';
import { decodeJson, nonEmptyString, object, oneOf } from '../../manager/common/base/decode.js';
import { readFileIfExists } from '../../manager/common/base/files.js';
import type { MachineStore } from '../inventory/machine-store.js';

/*
 * The replacement of the root CA, on this computer. All machines complete a pass before the first
 * one starts the next, so any two of them accept each other at any moment: `trust` both roots,
 * present `certificates` of the next one, trust their `own` one only. One file has the state, so an
 * interrupted replacement resumes at its pass.
 */

export const rootPasses = ['trust', 'certificates', 'own'] as const;
export type RootPass = (typeof rootPasses)[number];

export interface RootRotation {
  readonly pass: RootPass;
  /** Certificates of the two roots, PEM. */
  readonly old: string;
  readonly next: string;
  /** Key of the next root; encrypted like the old one. */
  readonly nextKey: string;
}

const stored = object<RootRotation>({
  pass: oneOf(...rootPasses),
  old: nonEmptyString,
  next: nonEmptyString,
  nextKey: nonEmptyString,
});

/** Path of the file with the state. */
export function rotationPath(store: MachineStore): string {
  return join(store.certsFolder, 'rotation.json');
}

/** Certificates that everybody trusts during a pass; the signing root comes first. */
export function trustedRoots({ pass, old, next }: RootRotation): string {
  if (pass === 'own') return next;
  return pass === 'trust' ? old + next : next + old;
}

/** Reads the rotation in progress; undefined if there is none. */
export async function readRotation(store: MachineStore): Promise<RootRotation | undefined> {
  const path = rotationPath(store);
  const text = await readFileIfExists(path);
  return text === undefined ? undefined : decodeJson(text, stored, path, 'restore the file');
}
