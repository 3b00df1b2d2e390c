import { messageOf } from '../../base/errors.js';
import { readWhole } from './embedded.js';

/* A program of its own: `node read-main.js FOLDER` reads a store and exits 0 when all of it could be read. */

try {
  await readWhole(process.argv[2] ?? '');
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exitCode = 1;
}
