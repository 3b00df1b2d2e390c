import {
  array,
  boolean,
  count,
  decode,
  nonEmptyString,
  object,
  optional,
  orElse,
  string,
} from '../../common/base/decode.js';
import { AppError } from '../../common/base/errors.js';
import type { DataInput, ProjectApply } from '../../common/protocol/project-calls.js';
import { dataSpec, networkSpec, serviceSpec } from '../../common/protocol/object-decoders.js';
import { volumeSpec } from '../../common/protocol/spec-decoders.js';

const strings = orElse(array(string), []);
const flag = orElse(boolean, false);
const dataInput = object<DataInput>({ spec: dataSpec, data: string });

const projectApply = object<ProjectApply>({
  project: nonEmptyString,
  services: orElse(array(serviceSpec), []),
  networks: orElse(array(networkSpec), []),
  volumes: orElse(array(volumeSpec), []),
  secrets: orElse(array(dataInput), []),
  configs: orElse(array(dataInput), []),
  externalNetworks: strings,
  externalVolumes: strings,
  known: strings,
  removeOrphans: flag,
  forceRecreate: strings,
  renewVolumes: strings,
  keepReplicas: strings,
  dryRun: flag,
  timeoutMs: optional(count),
});

/** Decodes the arguments of `project.apply`. Throws `invalid` with the path of the bad field. */
export function readApply(value: unknown): ProjectApply {
  const input = decode(value, projectApply, 'project.apply');
  for (const spec of input.services) {
    if (spec.project !== input.project) {
      throw new AppError(
        'invalid',
        `service ${spec.service}: does not belong to project ${input.project}`,
      );
    }
  }
  return input;
}
