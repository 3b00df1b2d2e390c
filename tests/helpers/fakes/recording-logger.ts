import type { Logger } from '../../../manager/common/base/log.js';
import { jsonLogger } from '../../../manager/common/base/log.js';

/** A logger that keeps the text of each line, `warn: node is down`. */
export function recordingLogger(): { readonly log: Logger; readonly lines: string[] } {
  const lines: string[] = [];
  const write = (line: string): void => {
    const { level, message } = JSON.parse(line) as { level: string; message: string };
    lines.push(`${level}: ${message}`);
  };
  return { log: jsonLogger('debug', write, () => 0), lines };
}
