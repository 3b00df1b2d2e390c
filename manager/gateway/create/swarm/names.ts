import { AppError } from '../../../common/base/errors.js';
import type { Labels } from '../../../common/model/meta.js';
import type { ServiceSpec } from '../../../common/model/service.js';
import { noStackProject, stackLabel } from '../../translate/swarm/object.js';

/** Swarm mode's rule for names of services: they are DNS names. */
const namePattern = /^[a-zA-Z0-9](?:[-_]*[A-Za-z0-9]+)*$/u;
const maxName = 63;

/** Project and key of a service: those of its stack, if its name begins with the stack's. */
export function placeOf(
  name: string,
  labels: Labels,
): Pick<ServiceSpec, 'name' | 'project' | 'service'> {
  if (name === '') throw invalidArgument('meta: name must be provided');
  if (!namePattern.test(name)) throw invalidArgument('name must be valid as a DNS name component');
  if (name.length > maxName) throw invalidArgument('name must be 63 characters or fewer');
  const stack = labels[stackLabel] ?? '';
  if (stack !== '' && name.startsWith(`${stack}_`) && name.length > stack.length + 1) {
    return { name, project: stack, service: name.slice(stack.length + 1) };
  }
  return { name, project: stack === '' ? noStackProject : stack, service: name };
}

/** An invalid spec, with the words of Swarm mode's managers, which clients match on. */
export function invalidArgument(problem: string): AppError {
  return new AppError('invalid', `rpc error: code = InvalidArgument desc = ${problem}`);
}
