import { AppError } from '../../common/base/errors.js';
import { protocolVersion } from '../../common/protocol/messages.js';

/**
 * Returns the protocol version to use with a peer. Only one version exists so far; newer peers must
 * support it. Throws `unsupported` if the peer is older than the minimum version.
 */
export function negotiateVersion(theirs: number): number {
  if (theirs < protocolVersion) {
    throw new AppError(
      'unsupported',
      `peer speaks protocol version ${theirs}, version ${protocolVersion} or newer is required; upgrade the peer`,
    );
  }
  return protocolVersion;
}
