import type { Decoder } from '../../manager/common/base/decode.js';
import {
  anything,
  decodeJson,
  number,
  object,
  optional,
  string,
} from '../../manager/common/base/decode.js';

/** A JSON line of the engine's response to pull, push and build. */
export interface EngineLine {
  readonly stream?: string | undefined;
  readonly status?: string | undefined;
  readonly id?: string | undefined;
  readonly progressDetail?: ProgressDetail | undefined;
  readonly error?: string | undefined;
  readonly aux?: unknown;
}

interface ProgressDetail {
  readonly current?: number | undefined;
  readonly total?: number | undefined;
}

const engineLine: Decoder<EngineLine> = object<EngineLine>({
  stream: optional(string),
  status: optional(string),
  id: optional(string),
  progressDetail: optional(
    object<ProgressDetail>({ current: optional(number), total: optional(number) }),
  ),
  error: optional(string),
  aux: anything,
});

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
  return decodeJson(line, engineLine, 'line of the docker engine', 'check the log of the engine');
}

/** Returns the id of the built image if the line reports it. */
export function builtId(line: EngineLine): string | undefined {
  const { aux } = line;
  if (typeof aux !== 'object' || aux === null || !('ID' in aux)) return undefined;
  return String(aux.ID);
}
