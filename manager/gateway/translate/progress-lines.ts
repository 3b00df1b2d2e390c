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

/** Splits a stream of bytes into lines without their ends; blank lines are dropped. */
export async function* linesOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') yield line.trim();
  }
  if (rest.trim() !== '') yield rest.trim();
}
