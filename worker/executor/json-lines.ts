import { decodeJson, type Decoder } from '../../manager/common/base/decode.js';
import { AppError, toAppError } from '../../manager/common/base/errors.js';

/** Upper bound for one line; real lines are far shorter. */
const maxLineChars = 1_048_576;

/** Splits a byte stream into decoded JSON values, one per line, across chunk boundaries. */
export class JsonLines<Value> {
  #rest = '';
  readonly #utf8 = new TextDecoder();
  readonly #decoder: Decoder<Value>;
  readonly #source: string;
  readonly #onMalformed: (error: AppError) => void;

  /**
   * `source` names the stream in errors. With `onMalformed` a malformed line is skipped, otherwise
   * `push` throws.
   */
  constructor(decoder: Decoder<Value>, source: string, onMalformed?: (error: AppError) => void) {
    this.#decoder = decoder;
    this.#source = source;
    this.#onMalformed =
      onMalformed ??
      ((error) => {
        throw error;
      });
  }

  push(chunk: Uint8Array): Value[] {
    const lines = (this.#rest + this.#utf8.decode(chunk, { stream: true })).split('\n');
    this.#rest = lines.pop() ?? '';
    if (this.#rest.length > maxLineChars) {
      this.#rest = '';
      this.#onMalformed(
        new AppError('invalid', `${this.#source}: line exceeds ${String(maxLineChars)} characters`),
      );
    }
    return lines.flatMap((line) => (line.trim() === '' ? [] : this.#decode(line)));
  }

  #decode(line: string): [Value] | [] {
    try {
      return [decodeJson(line, this.#decoder, this.#source)];
    } catch (error) {
      this.#onMalformed(toAppError(error));
      return [];
    }
  }
}
