import { createHash } from 'node:crypto';
import { AppError } from '../../manager/common/base/errors.js';
import type { RootFacts } from '../ssh/facts.js';
import { daemonJsonPath, dropInPath } from './engine-config.js';
import { remotePaths } from '../inventory/remote-paths.js';
import type { PackageManager } from './packages.js';
import { missingPackages } from './packages.js';

/*
 * Two plans with a probe between them: setup (runtime, application, packages) and configuration,
 * which depends on the engine's unit as the packages installed it.
 */

export interface ProvisionStepArgs {
  'upload-runtime': { readonly sum: string };
  'upload-app': { readonly sum: string };
  'upload-consul': { readonly sum: string };
  install: { readonly manager: PackageManager; readonly packages: readonly string[] };
  link: { readonly runtime: string; readonly app: string };
  'create-user': { readonly user: string };
  'write-files': { readonly files: readonly DesiredFile[] };
  'remove-files': { readonly paths: readonly string[] };
  /** `keepContainers`: enable live-restore by a reload before the restart. */
  'restart-engine': { readonly keepContainers: boolean };
  'stop-unit': { readonly unit: string };
  'restart-unit': { readonly unit: string };
}

export type ProvisionStep = {
  readonly [K in keyof ProvisionStepArgs]: {
    readonly kind: K;
    readonly cause: string;
  } & ProvisionStepArgs[K];
}[keyof ProvisionStepArgs];

/** A file that must exist with this content and mode. */
export interface DesiredFile {
  readonly path: string;
  readonly mode: number;
  readonly content: string;
}

export interface DesiredSetup {
  readonly machine: string;
  readonly runtime: { readonly sum: string; readonly bytes: number };
  readonly app: { readonly sum: string; readonly bytes: number };
  /** The Consul binary to upload; `package` for the machine's or its distribution's. */
  readonly consul?: { readonly sum: string; readonly bytes: number } | 'package' | undefined;
}

const engineKib = 500_000;

function checkSpace(want: DesiredSetup, facts: RootFacts): void {
  const bytes =
    (facts.runtimes.has(want.runtime.sum) ? 0 : want.runtime.bytes) +
    (facts.apps.has(want.app.sum) ? 0 : want.app.bytes) +
    consulBytes(want, facts);
  const uploadKib = Math.ceil((bytes * 1.1) / 1024);
  const short = (path: string, free: number, needed: number): AppError =>
    new AppError(
      'unavailable',
      `${want.machine}: ${String(Math.floor(free / 1024))} MB free in ${path}, ${String(Math.ceil(needed / 1024))} MB needed; free disk space and try again`,
    );
  if (facts.freeKib.opt < uploadKib) throw short('/opt', facts.freeKib.opt, uploadKib);
  const varKib = facts.commands.has('dockerd') ? 0 : engineKib;
  if (facts.freeKib.varLib < varKib) throw short('/var/lib', facts.freeKib.varLib, varKib);
}

function consulBytes({ consul }: DesiredSetup, facts: RootFacts): number {
  if (consul === undefined || consul === 'package' || facts.consuls.has(consul.sum)) return 0;
  return consul.bytes;
}

/**
 * The steps that install the machine's missing programs. Throws `unavailable` if disk space is low,
 * `unsupported` if tar, gzip or sha256sum is missing.
 */
export function planSetup(
  want: DesiredSetup,
  facts: RootFacts,
  manager: PackageManager,
): readonly ProvisionStep[] {
  for (const command of ['tar', 'gzip', 'sha256sum']) {
    if (!facts.commands.has(command)) {
      throw new AppError('unsupported', `${want.machine}: ${command} not found; install it first`);
    }
  }
  checkSpace(want, facts);
  const steps: ProvisionStep[] = [];
  const { runtime, app } = want;
  if (!facts.runtimes.has(runtime.sum)) {
    steps.push({ kind: 'upload-runtime', sum: runtime.sum, cause: 'missing' });
  }
  if (!facts.apps.has(app.sum)) {
    steps.push({ kind: 'upload-app', sum: app.sum, cause: 'missing' });
  }
  const { consul } = want;
  if (consul !== undefined && consul !== 'package' && !facts.consuls.has(consul.sum)) {
    steps.push({ kind: 'upload-consul', sum: consul.sum, cause: 'missing' });
  }
  const { packages, cause } = missingPackages(manager, facts, consul === 'package');
  if (packages.length > 0) steps.push({ kind: 'install', manager, packages, cause });
  if (facts.links.runtime !== runtime.sum || facts.links.app !== app.sum) {
    const reason = facts.links.app === '' ? 'first installation' : 'another version is active';
    steps.push({ kind: 'link', runtime: runtime.sum, app: app.sum, cause: reason });
  }
  return steps;
}

/** Shoal's units on a machine, in start order. */
export const unitNames = ['shoal-consul', 'shoal-manager', 'shoal-worker'] as const;
export type ShoalUnit = (typeof unitNames)[number];

export interface DesiredConfiguration {
  readonly files: readonly DesiredFile[];
  /** Files that must not exist. */
  readonly absent: readonly string[];
  /** Units that must run. */
  readonly units: readonly ShoalUnit[];
  /** System users that must exist. */
  readonly users: readonly string[];
  /** True if the program was replaced, so that running services need a restart. */
  readonly programChanged: boolean;
}

const consulSettingsPath = remotePaths.consulSettings;

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function dependsOn(unit: ShoalUnit, path: string): boolean {
  if (unit === 'shoal-consul') {
    return path === consulSettingsPath || path.endsWith('shoal-consul.service');
  }
  const role = unit === 'shoal-manager' ? 'manager' : 'worker';
  return (
    path === remotePaths.ca ||
    path.includes(`/${role}`) ||
    path.endsWith(`${unit}.service`) ||
    (role === 'manager' && path.includes('/intermediate'))
  );
}

function engineStep(changed: readonly string[], facts: RootFacts): ProvisionStep | undefined {
  const why = [
    ...new Set([
      ...changed.filter((path) => path === dropInPath || path.startsWith('/etc/shoal/engine/')),
      ...facts.engineStale,
    ]),
  ];
  if (why.length > 0) {
    const keepContainers = facts.runningContainers > 0 && changed.includes(daemonJsonPath);
    return { kind: 'restart-engine', keepContainers, cause: `${why.join(', ')} changed` };
  }
  if (facts.active.has('docker')) return undefined;
  return { kind: 'restart-engine', keepContainers: false, cause: 'not running' };
}

/** The steps that write files and restart units, in order; empty for an up-to-date machine. */
export function planConfigure(
  want: DesiredConfiguration,
  facts: RootFacts,
): readonly ProvisionStep[] {
  const files = want.files.filter((file) => facts.sums.get(file.path) !== sha256(file.content));
  const changed = files.map((file) => file.path);
  const steps: ProvisionStep[] = want.users
    .filter((user) => !facts.users.has(user))
    .map((user) => ({ kind: 'create-user', user, cause: 'missing' }));
  if (files.length > 0) {
    const isNew = changed.filter((path) => !facts.sums.has(path)).length;
    const cause = `${String(isNew)} missing, ${String(files.length - isNew)} different`;
    steps.push({ kind: 'write-files', files, cause });
  }
  const leftovers = want.absent.filter((path) => facts.sums.has(path));
  for (const unit of unitNames.toReversed()) {
    if (want.units.includes(unit) || !facts.active.has(unit)) continue;
    steps.push({ kind: 'stop-unit', unit, cause: 'not part of the role of this machine' });
  }
  if (leftovers.length > 0) {
    steps.push({ kind: 'remove-files', paths: leftovers, cause: 'no longer needed' });
  }
  const engine = engineStep(changed, facts);
  if (engine !== undefined) steps.push(engine);
  for (const unit of want.units) {
    const why = changed.filter((path) => dependsOn(unit, path));
    const cause = !facts.active.has(unit)
      ? 'not running'
      : why.length > 0
        ? `${why.join(', ')} changed`
        : want.programChanged && unit !== 'shoal-consul'
          ? 'program changed'
          : undefined;
    if (cause !== undefined) steps.push({ kind: 'restart-unit', unit, cause });
  }
  return steps;
}
