import { AppError } from '../base/errors.js';

/** Whether a node's engine answers its worker. */
export type EngineState = 'answering' | 'silent';

/** Error of a request that needs the engine of a node while it does not answer. */
export function silentEngineError(node: string): AppError {
  return new AppError(
    'unavailable',
    `node ${node}: the Docker engine does not answer; check "systemctl status docker" on it`,
  );
}
