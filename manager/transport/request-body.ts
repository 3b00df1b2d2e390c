import type { IncomingMessage } from 'node:http';
import { AppError } from '../common/base/errors.js';

/** Longest time for a body to arrive, ms. */
const bodyDeadlineMs = 60_000;

/**
 * Reads a body. Throws `invalid` if it is larger than `maxBytes`, and drops a connection that takes
 * more than a minute to send it.
 */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const timer = setTimeout(() => request.destroy(), bodyDeadlineMs);
  request.once('close', () => {
    clearTimeout(timer);
  });
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) {
      throw new AppError('invalid', `request body is larger than ${maxBytes / 1024} KiB`);
    }
    chunks.push(chunk);
  }
  clearTimeout(timer);
  return Buffer.concat(chunks);
}

/** Reads a JSON body; throws as `readBody` and `parseBody`. */
export async function readJson(request: IncomingMessage, maxBytes: number): Promise<unknown> {
  return parseBody(await readBody(request, maxBytes));
}

/** Parses a JSON body; an empty body is an empty object. Throws `invalid` if it is not JSON. */
export function parseBody(body: Buffer): unknown {
  try {
    return body.length === 0 ? {} : (JSON.parse(body.toString('utf8')) as unknown);
  } catch (error) {
    throw new AppError('invalid', 'request body is not valid JSON', { cause: error });
  }
}
