import {
  array,
  count,
  dictionary,
  object,
  optionalOrNull,
  orElse,
  string,
} from '../../../manager/common/base/decode.js';
import type { Labels } from '../../../manager/common/model/meta.js';
import { decoded, type EngineClient } from './client.js';

export interface EngineDescription {
  readonly version: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly labels: Labels;
  /** `volume/local`, `network/bridge`, `log/json-file`, … */
  readonly plugins: readonly string[];
}

/** The fields of `GET /info` that are used here. */
export interface EngineInfo {
  readonly ServerVersion: string;
  readonly NCPU: number;
  readonly MemTotal: number;
  readonly Labels?: readonly string[] | null;
  readonly Plugins?: Readonly<Record<string, readonly string[] | null>> | null;
}

const engineInfo = object<EngineInfo>({
  ServerVersion: string,
  NCPU: count,
  MemTotal: count,
  Labels: optionalOrNull(array(string)),
  Plugins: optionalOrNull(dictionary(orElse(array(string), []))),
});

export function toEngineDescription(info: EngineInfo): EngineDescription {
  return {
    version: info.ServerVersion,
    cpus: info.NCPU,
    memoryBytes: info.MemTotal,
    labels: Object.fromEntries(
      (info.Labels ?? []).map((label) => {
        const at = label.indexOf('=');
        return at === -1 ? [label, ''] : [label.slice(0, at), label.slice(at + 1)];
      }),
    ),
    plugins: Object.entries(info.Plugins ?? {})
      .flatMap(([kind, names]) => (names ?? []).map((name) => `${kind.toLowerCase()}/${name}`))
      .sort(),
  };
}

export async function readEngineDescription(
  client: EngineClient,
  signal: AbortSignal,
): Promise<EngineDescription> {
  const info = await client.call(
    'get engine info',
    decoded(engineInfo, (docker) => docker.info() as Promise<unknown>),
    signal,
    3_000,
  );
  return toEngineDescription(info);
}
