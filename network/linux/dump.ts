import type { Fields } from '../../manager/common/base/decode.js';
import { AppError } from '../../manager/common/base/errors.js';
import { parseRecords } from './json.js';
import { run } from './run.js';

/** The kernel's links and routes, each a record of `ip -j`. */
export interface KernelDump {
  /** All interfaces with details and addresses. */
  readonly links: readonly Fields[];
  /** Permanent neighbour entries of all devices. */
  readonly neighbours: readonly Fields[];
  /** Default routes, IPv4. */
  readonly defaultRoutes: readonly Fields[];
}

/** Commands of one `ip` process: starting a process costs more than any of these dumps. */
const commands = ['addr show', 'neigh show nud permanent', 'route show default'] as const;
const argv = ['ip', '-j', '-d', '-batch', '-'] as const;

export async function dumpKernel(signal: AbortSignal): Promise<KernelDump> {
  return parseDump(await run(argv, { stdin: `${commands.join('\n')}\n`, signal }));
}

/** Parses the output of all commands: iproute2 prints each as one line with a JSON array. */
export function parseDump(text: string): KernelDump {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  if (lines.length !== commands.length)
    throw new AppError(
      'internal',
      `${argv.join(' ')} printed ${String(lines.length)} of ${String(commands.length)} lists`,
    );
  const [links = [], neighbours = [], defaultRoutes = []] = lines.map((line, index) =>
    parseRecords(line, `ip -j -d ${commands[index] ?? ''}`),
  );
  return { links, neighbours, defaultRoutes };
}
