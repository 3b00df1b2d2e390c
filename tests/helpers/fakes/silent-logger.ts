import type { Logger } from '../../../manager/common/base/log.js';
import { jsonLogger } from '../../../manager/common/base/log.js';

/** Discards every message; for code under test that requires a logger. */
export const silentLogger: Logger = jsonLogger(
  'error',
  () => undefined,
  () => 0,
);
