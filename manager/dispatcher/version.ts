import { AppError } from '../common/base/errors.js';
import { protocolVersion } from '../common/protocol/messages.js';

/**
 * The version both ends will speak. There is only one so far; a newer end must be able to speak it.
 * Throws `unsupported` when the other end is older than what this one still knows.
 */
export function negotiateVersion(theirs: number): number {
  if (theirs < protocolVersion) {
    throw new AppError(
      'unsupported',
      `the other end speaks protocol ${theirs}, this one needs ${protocolVersion} or newer: upgrade it`,
    );
  }
  return protocolVersion;
}
