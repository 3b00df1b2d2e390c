import { AppError } from '../../manager/common/base/errors.js';
import type { AskPassphrase } from '../certificates/passphrase.js';
import { MachineStore, resolveStoreFolder } from '../inventory/machine-store.js';
import { ProvisionContext } from './provision-context.js';
import type { MachineGlobals } from '../inventory/machine-globals.js';

/** Runs `body` with a provisioning context; SIGINT and SIGTERM abort it as `cancelled`. */
export async function withProvisionContext<T>(
  options: MachineGlobals & {
    readonly runtime?: string;
    readonly consulBinary?: string | undefined;
    readonly ask?: AskPassphrase;
  },
  body: (provisioning: ProvisionContext) => Promise<T>,
): Promise<T> {
  const interrupt = new AbortController();
  const stop = (): void => {
    interrupt.abort(new AppError('cancelled', 'interrupted; run the command again to continue'));
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  const provisioning = new ProvisionContext({
    store: new MachineStore(resolveStoreFolder(options.storagePath, process.env)),
    env: process.env,
    runtimePath: options.runtime,
    consulPath: options.consulBinary,
    signal: interrupt.signal,
    ask: options.ask,
  });
  try {
    return await body(provisioning);
  } finally {
    provisioning.close();
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  }
}
