import type { Decoder } from '../../manager/common/base/decode.js';
import { anything, decode, decodeJson } from '../../manager/common/base/decode.js';
import { AppError, messageOf } from '../../manager/common/base/errors.js';

const remedy = 'check that client and manager have the same version';

/** Turns the error of a decoder into `internal`: the user's input is not what is malformed. */
function answered<Value>(decodeValue: () => Value): Value {
  try {
    return decodeValue();
  } catch (error) {
    throw new AppError('internal', messageOf(error), { cause: error });
  }
}

/** Decodes what a manager sent. Throws `internal` with `source`, the bad field and the remedy. */
export function decodeAnswer<Value>(
  value: unknown,
  decoder: Decoder<Value>,
  source: string,
): Value {
  return answered(() => decode(value, decoder, source, remedy));
}

/** Parses JSON that a manager sent. Throws as `decodeAnswer`. */
export function parseAnswer(text: string, source: string): unknown {
  return answered(() => decodeJson(text, anything, source, remedy));
}
