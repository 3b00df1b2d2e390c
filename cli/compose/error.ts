import { AppError, type AppErrorOptions } from '../../manager/common/base/errors.js';
import {
  findMark,
  pathText,
  resolvePosition,
  type Path,
  type SourcePosition,
  type Tree,
} from './yaml/tree.js';

export interface ComposeErrorOptions extends AppErrorOptions {
  readonly place?: SourcePosition | undefined;
  /** Path of the key, such as `services.web.ports.0`. */
  readonly path?: string | undefined;
}

/** An error in a Compose file or one of its `.env` files. The message begins with the place. */
export class ComposeError extends AppError {
  readonly place: SourcePosition | undefined;
  readonly path: string | undefined;

  constructor(message: string, options: ComposeErrorOptions = {}) {
    const path = options.path === undefined || options.path === '' ? '' : `${options.path}: `;
    super('invalid', `${placeText(options.place)}${path}${oneLine(message)}`, options);
    this.name = 'ComposeError';
    this.place = options.place;
    this.path = options.path;
  }

  /** Appends a note to the message and returns this error. */
  withNote(note: string): this {
    this.message = `${this.message} (${note})`;
    return this;
  }
}

function placeText(place: SourcePosition | undefined): string {
  if (place === undefined) return '';
  if (place.line === 0) return `${place.file}: `;
  return `${place.file}:${String(place.line)}:${String(place.column)}: `;
}

/** Replaces line breaks and control characters that come from input; limits the length. */
function oneLine(text: string): string {
  const short = text.length > 1000 ? `${text.slice(0, 1000)}…` : text;
  // eslint-disable-next-line no-control-regex -- the pattern matches control characters
  return short.replace(/[\u0000-\u001f\u007f]+/g, ' ');
}

/** Creates an error about the value at a path of a tree, with its place. */
export function errorAt(root: Tree, path: Path, message: string): ComposeError {
  return new ComposeError(message, {
    place: resolvePosition(findMark(root, path)),
    path: pathText(path),
  });
}
