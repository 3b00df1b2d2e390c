import { arch, availableParallelism, hostname, totalmem } from 'node:os';
import type { Labels } from '../manager/common/model/meta.js';
import type { NodeDescription } from '../manager/common/model/node.js';
import type { EngineDescription } from './executor/docker/engine-description.js';

const dockerArch: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' };

/** Platform of this machine in Docker's words. */
export function localPlatform(): {
  readonly hostname: string;
  readonly os: string;
  readonly arch: string;
} {
  return { hostname: hostname(), os: 'linux', arch: dockerArch[arch()] ?? arch() };
}

/**
 * Builds the node description for the manager. `engine` is undefined while the engine is
 * unreachable.
 */
export function toNodeDescription(
  address: string,
  labels: Labels,
  version: string,
  engine: EngineDescription | undefined,
): NodeDescription {
  return {
    ...localPlatform(),
    address,
    nanoCpus: (engine?.cpus ?? availableParallelism()) * 1_000_000_000,
    memoryBytes: engine?.memoryBytes ?? totalmem(),
    engineVersion: engine?.version ?? '',
    engineLabels: { ...engine?.labels, ...labels },
    plugins: engine?.plugins ?? [],
    shoalVersion: version,
  };
}
