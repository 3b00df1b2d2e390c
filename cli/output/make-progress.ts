import type { ProgressWriter, ProgressOptions } from './progress.js';
import { jsonProgress, plainProgress, quietProgress } from './progress.js';
import { TtyProgress } from './progress-tty.js';

/**
 * Creates the progress writer of a mode; `auto` repaints on a terminal and writes plain lines
 * elsewhere.
 */
export function makeProgress(options: ProgressOptions): ProgressWriter {
  switch (options.mode) {
    case 'quiet':
      return quietProgress;
    case 'json':
      return jsonProgress(options.sink);
    case 'plain':
      return plainProgress(options.sink);
    case 'tty':
      return new TtyProgress(options);
    case 'auto':
      return options.sink.isTTY && options.ansi
        ? new TtyProgress(options)
        : plainProgress(options.sink);
  }
}
