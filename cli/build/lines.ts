import { AppError } from '../../manager/common/base/errors.js';

/** A line of what an engine answers to pull, push and build. */
export interface EngineLine {
  readonly stream?: string;
  readonly status?: string;
  readonly id?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
  readonly error?: string;
  readonly aux?: unknown;
}

/** Takes chunks of JSON lines apart; `moby.buildkit.trace` lines come with their status still encoded. */
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
    throw new AppError('internal', 'the engine sent what is no JSON', { cause: error });
  }
  return value as EngineLine;
}

/** The id of the built image that a line tells, if it does. */
export function builtId(line: EngineLine): string | undefined {
  const { aux } = line;
  if (typeof aux !== 'object' || aux === null || !('ID' in aux)) return undefined;
  return String(aux.ID);
}
