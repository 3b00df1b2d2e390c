import { resourcesOf } from './to-service.js';
import {
  decode,
  integer,
  number,
  object,
  optionalOrNull,
  string,
} from '../../common/base/decode.js';
import type { Resources } from '../../common/model/service.js';
import type { HostConfigBody } from './create-body.js';

type UpdateBody = Pick<
  HostConfigBody,
  'NanoCpus' | 'Memory' | 'MemoryReservation' | 'PidsLimit' | 'RestartPolicy'
>;

const updateBody = object<UpdateBody>({
  NanoCpus: optionalOrNull(number),
  Memory: optionalOrNull(number),
  MemoryReservation: optionalOrNull(number),
  PidsLimit: optionalOrNull(number),
  RestartPolicy: optionalOrNull(
    object<NonNullable<UpdateBody['RestartPolicy']>>({
      Name: optionalOrNull(string),
      MaximumRetryCount: optionalOrNull(integer),
    }),
  ),
});

export interface UpdateRequest {
  readonly resources: Resources;
  readonly hasRestart: boolean;
  readonly host: UpdateBody;
}

/** Decodes the body of `POST /containers/{id}/update`: 0 keeps a limit as it is. */
export function decodeUpdateBody(value: unknown, before: Resources): UpdateRequest {
  const host = decode(value, updateBody, 'update');
  const hasRestart = (host.RestartPolicy?.Name ?? '') !== '';
  return { host, hasRestart, resources: resourcesOf(host, before) };
}
