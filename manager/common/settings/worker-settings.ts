import type { Fields } from '../base/decode.js';
import {
  array,
  branded,
  dictionary,
  exactObject,
  mapped,
  mustBe,
  nonEmptyString,
  oneOf,
  optional,
  orElse,
  string,
} from '../base/decode.js';
import type { NodeId } from '../model/ids.js';
import type { Labels } from '../model/meta.js';
import { logLevels } from './manager-settings.js';
import type { SettingsFormat } from './version.js';
import { decodeSettings, encodeSettings } from './version.js';

export const defaultDockerSocket = '/var/run/docker.sock';

/** Settings of a worker, `worker.json`. */
export interface WorkerSettings {
  readonly clusterId: string;
  readonly nodeId: NodeId;
  readonly name: string;
  /** Underlay IPv4 address of this machine. */
  readonly address: string;
  /** `host:port` of every manager. */
  readonly managers: readonly string[];
  readonly dataDir: string;
  /** Directory on tmpfs that holds secrets as files; the worker's default depends on its user. */
  readonly secretsDir?: string;
  readonly dockerSocket: string;
  /** Paths of PEM files. */
  readonly pki: { readonly ca: string; readonly cert: string; readonly key: string };
  readonly labels: Labels;
  readonly dataPlane: 'overlay' | 'engine';
  readonly logLevel: (typeof logLevels)[number];
}

const schema = exactObject<WorkerSettings>({
  clusterId: nonEmptyString,
  nodeId: branded<NodeId>(),
  name: nonEmptyString,
  address: nonEmptyString,
  managers: mapped(array(string), (managers, at) => {
    if (managers.length > 0) return managers;
    throw mustBe(at, 'a non-empty array of strings');
  }),
  dataDir: nonEmptyString,
  secretsDir: optional(nonEmptyString),
  dockerSocket: orElse(nonEmptyString, defaultDockerSocket),
  pki: exactObject({ ca: nonEmptyString, cert: nonEmptyString, key: nonEmptyString }),
  labels: orElse(dictionary(string), {}),
  dataPlane: orElse(oneOf('overlay', 'engine'), 'overlay' as const),
  logLevel: orElse(oneOf(...logLevels), 'info'),
});

/** Version 2 only adds the field `version`. */
const fromVersion1 = (old: Fields): Fields => old;

const format: SettingsFormat<WorkerSettings> = { schema, migrations: [fromVersion1] };

/** Throws `invalid` that names file and key. */
export function decodeWorkerSettings(text: string, path: string): WorkerSettings {
  return decodeSettings(format, text, path);
}

export function encodeWorkerSettings(settings: WorkerSettings): string {
  return encodeSettings(format, settings);
}
