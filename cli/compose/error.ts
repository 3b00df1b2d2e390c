import { AppError, type AppErrorOptions } from '../../manager/common/base/errors.js';
import { findMark, pathText, placeOf, type Path, type Place, type Tree } from './yaml/tree.js';

export interface ComposeErrorOptions extends AppErrorOptions {
  readonly place?: Place | undefined;
  /** The key, as in `services.web.ports.0`. */
  readonly path?: string | undefined;
}

/** A Compose file (or an `.env` file beside it) that cannot be used. The message begins with the place. */
export class ComposeError extends AppError {
  readonly place: Place | undefined;
  readonly path: string | undefined;

  constructor(message: string, options: ComposeErrorOptions = {}) {
    const path = options.path === undefined || options.path === '' ? '' : `${options.path}: `;
    super('invalid', `${placeText(options.place)}${path}${oneLine(message)}`, options);
    this.name = 'ComposeError';
    this.place = options.place;
    this.path = options.path;
  }

  /** The same error with something added to its message. */
  withNote(note: string): this {
    this.message = `${this.message} (${note})`;
    return this;
  }
}

function placeText(place: Place | undefined): string {
  if (place === undefined) return '';
  if (place.line === 0) return `${place.file}: `;
  return `${place.file}:${String(place.line)}:${String(place.column)}: `;
}

/** Input may put line ends and control characters into a message; a message is one line. */
function oneLine(text: string): string {
  const short = text.length > 1000 ? `${text.slice(0, 1000)}…` : text;
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  return short.replace(/[\u0000-\u001f\u007f]+/g, ' ');
}

/** An error about what stands at a path of a tree. */
export function errorAt(root: Tree, path: Path, message: string): ComposeError {
  return new ComposeError(message, { place: placeOf(findMark(root, path)), path: pathText(path) });
}
