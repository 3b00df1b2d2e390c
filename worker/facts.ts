import { arch, availableParallelism, hostname, totalmem } from 'node:os';
import type { Labels } from '../manager/common/model/meta.js';
import type { NodeDescription } from '../manager/common/model/node.js';
import type { EngineFacts } from './executor/docker/engine-facts.js';

const dockerArch: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' };

/**
 * Builds the node description for the manager. `engine` is undefined while the engine is
 * unreachable.
 */
export function describeNode(
  address: string,
  labels: Labels,
  version: string,
  engine: EngineFacts | undefined,
): NodeDescription {
  return {
    hostname: hostname(),
    address,
    os: 'linux',
    arch: dockerArch[arch()] ?? arch(),
    nanoCpus: (engine?.cpus ?? availableParallelism()) * 1_000_000_000,
    memoryBytes: engine?.memoryBytes ?? totalmem(),
    engineVersion: engine?.version ?? '',
    engineLabels: { ...engine?.labels, ...labels },
    plugins: engine?.plugins ?? [],
    shoalVersion: version,
  };
}
