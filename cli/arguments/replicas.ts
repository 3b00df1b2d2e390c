import { AppError } from '../../manager/common/base/errors.js';

/** Parses `web=3 db=1` to replicas by service; throws `invalid` with the wrong argument. */
export function parseReplicas(
  texts: readonly string[],
  flag = 'scale',
): Readonly<Record<string, number>> {
  const entries = texts.map((text): readonly [string, number] => {
    const at = text.indexOf('=');
    if (at <= 0) {
      throw new AppError('invalid', `invalid ${flag} option "${text}": use SERVICE=NUM`);
    }
    const count = text.slice(at + 1);
    if (!/^\d+$/u.test(count) || Number(count) > maxReplicas) {
      throw new AppError(
        'invalid',
        `invalid ${flag} option "${text}": use 0 to ${maxReplicas} replicas`,
      );
    }
    return [text.slice(0, at), Number(count)];
  });
  return Object.fromEntries(entries);
}

const maxReplicas = 10_000;
