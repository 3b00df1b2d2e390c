import type { ControlCallMap, ControlCallName } from '../common/protocol/control.js';
import type { Peer } from './peer.js';

/** The client on whose behalf a call runs. */
export interface Caller {
  readonly peer: Peer;
  /** Aborted when the client disconnects. */
  readonly signal: AbortSignal;
}

/** Runs a control call inside the manager, with the checks of a call from the wire. */
export type InvokeCall = <Name extends ControlCallName>(
  name: Name,
  args: ControlCallMap[Name]['args'],
  caller: Caller,
) => Promise<ControlCallMap[Name]['result']>;
