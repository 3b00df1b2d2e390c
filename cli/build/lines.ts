import { AppError } from '../../manager/common/base/errors.js';

/** A JSON line of the engine's response to pull, push and build. */
export interface EngineLine {
  readonly stream?: string;
  readonly status?: string;
  readonly id?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
  readonly error?: string;
  readonly aux?: unknown;
}

/**
 * Splits chunks into JSON lines. The status in a `moby.buildkit.trace` line stays encoded; see
 * trace.ts.
 */
export class EngineLines {
  #rest = '';
  readonly #decoder = new TextDecoder();

  push(chunk: Uint8Array): readonly EngineLine[] {
    const lines = (this.#rest + this.#decoder.decode(chunk, { stream: true })).split('\n');
    this.#rest = lines.pop() ?? '';
    return lines.flatMap((line) => (line.trim() === '' ? [] : [parse(line)]));
  }
}

function parse(line: string): EngineLine {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw new AppError(
      'internal',
      'docker engine: sent a line that is not JSON; check the log of the engine',
      { cause: error },
    );
  }
  return value as EngineLine;
}

/** Returns the id of the built image if the line reports it. */
export function builtId(line: EngineLine): string | undefined {
  const { aux } = line;
  if (typeof aux !== 'object' || aux === null || !('ID' in aux)) return undefined;
  return String(aux.ID);
}
