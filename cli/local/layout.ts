import { join } from 'node:path';

/** Paths of the local cluster, which runs on this computer's own engine. */
export interface LocalLayout {
  readonly folder: string;
  /** `LocalRecord` as JSON; written last, so its presence means that setup is complete. */
  readonly record: string;
  readonly lock: string;
  readonly managerSettings: string;
  readonly workerSettings: string;
  readonly managerData: string;
  readonly workerData: string;
  readonly pki: string;
}

export type LocalDaemon = 'manager' | 'worker';

export interface LocalRecord {
  readonly id: string;
  readonly nodeId: string;
  /** Loopback port of the manager; reused after a restart while it is free. */
  readonly port: number;
  readonly dataPlane: 'overlay' | 'engine';
}

export const localName = 'local';

export function localLayout(home: string): LocalLayout {
  const folder = join(home, localName);
  return {
    folder,
    record: join(folder, 'cluster.json'),
    lock: join(folder, 'lock'),
    managerSettings: join(folder, 'manager.json'),
    workerSettings: join(folder, 'worker.json'),
    managerData: join(folder, 'manager'),
    workerData: join(folder, 'worker'),
    pki: join(folder, 'pki'),
  };
}

export function pidPath(layout: LocalLayout, daemon: LocalDaemon): string {
  return join(layout.folder, `${daemon}.pid`);
}

export function logPath(layout: LocalLayout, daemon: LocalDaemon): string {
  return join(layout.folder, `${daemon}.log`);
}

export function settingsPath(layout: LocalLayout, daemon: LocalDaemon): string {
  return daemon === 'manager' ? layout.managerSettings : layout.workerSettings;
}
