import { isFields } from '../../common/base/decode.js';

/**
 * Merges the progress of several nodes into one stream of JSON lines: layers get the node's name,
 * and a message that nodes have in common is shown once.
 */
export class ProgressMerge {
  readonly #shown = new Set<string>();

  /** The line for the client, with its line end; undefined for a repeated message. */
  merge(node: string, line: string): string | undefined {
    const value = parsed(line);
    if (value === undefined) return undefined;
    const { id, error } = value;
    if (typeof error === 'string') return jsonLine(failureLine(`node ${node}: ${error}`));
    if (typeof id === 'string' && 'progressDetail' in value) {
      return jsonLine({ ...value, id: `${node} ${id}` });
    }
    const text = jsonLine(value);
    if (this.#shown.has(text)) return undefined;
    this.#shown.add(text);
    return text;
  }
}

/** The last line of a failed pull, push or build. */
export function failureLine(message: string): object {
  return { errorDetail: { message }, error: message };
}

export function jsonLine(value: object): string {
  return `${JSON.stringify(value)}\r\n`;
}

function parsed(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isFields(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Cuts chunks of text into lines without their ends; blank lines are dropped. */
class LineCutter {
  readonly #decoder = new TextDecoder();
  #rest = '';

  /** The lines that the chunk completes. */
  push(chunk: string | Uint8Array): readonly string[] {
    const text = typeof chunk === 'string' ? chunk : this.#decoder.decode(chunk, { stream: true });
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    return withoutBlank(lines);
  }

  /** The last line, if it has no end. */
  end(): readonly string[] {
    return withoutBlank([this.#rest]);
  }
}

function withoutBlank(lines: readonly string[]): readonly string[] {
  return lines.map((line) => line.trim()).filter((line) => line !== '');
}

/** Splits a stream of bytes into lines without their ends; blank lines are dropped. */
export async function* linesOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const cutter = new LineCutter();
  for await (const chunk of body) yield* cutter.push(chunk);
  yield* cutter.end();
}

/** Reads a progress stream for its last error. */
export class ProgressFailure {
  readonly #cutter = new LineCutter();
  #failure: string | undefined;

  push(chunk: string | Uint8Array): void {
    this.#read(this.#cutter.push(chunk));
  }

  /** The error, after the last chunk; undefined if the action succeeded. */
  end(): string | undefined {
    this.#read(this.#cutter.end());
    return this.#failure;
  }

  #read(lines: readonly string[]): void {
    for (const line of lines) {
      const error = parsed(line)?.error;
      if (typeof error === 'string') this.#failure = error;
    }
  }
}
