import { isIP } from 'node:net';
import { AppError } from '../../manager/common/base/errors.js';
import type { CreateFlags, SshPlace } from './new-record.js';
import type { ProvisionContext } from './provision-context.js';

/**
 * Looks the values of --generic-ip-address up in ssh's configuration. A value may be a Host of it,
 * whose HostName then is the machine's address. Throws `invalid` if a machine behind a jump host has
 * no address that the other machines could use.
 */
export async function sshPlaces(
  provisioning: Pick<ProvisionContext, 'sshConfig'>,
  { genericIpAddress }: Pick<CreateFlags, 'genericIpAddress'>,
): Promise<ReadonlyMap<string, SshPlace>> {
  const given = genericIpAddress.filter((address) => address !== '');
  const places = await Promise.all(
    given.map(async (host): Promise<readonly [string, SshPlace]> => {
      const { hostname, user, port, proxyJump, proxyCommand } = await provisioning.sshConfig(host);
      const isIndirect = proxyJump !== undefined || proxyCommand !== undefined;
      if (isIndirect && isIP(hostname) === 0) {
        throw new AppError(
          'invalid',
          `--generic-ip-address ${host}: is reached through another host; set its HostName in the ssh configuration to the address that the cluster's machines use`,
        );
      }
      return [host, { address: hostname, user, port }];
    }),
  );
  return new Map(places);
}
