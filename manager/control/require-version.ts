import { AppError } from '../common/base/errors.js';
import type { Meta } from '../common/model/meta.js';

/**
 * Throws `conflict` with the Docker Engine's message, which clients match on, if an update was made
 * from another version of the object. Undefined accepts every version.
 */
export function requireVersion({ version }: Meta, expected: number | undefined): void {
  if (expected === undefined || expected === version) return;
  throw new AppError('conflict', 'rpc error: code = Unknown desc = update out of sequence');
}
