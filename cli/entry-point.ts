import { fileURLToPath } from 'node:url';

/**
 * The file that Node starts as `shoal`. It lies beside this file, compiled alone or joined into the
 * program.
 */
export const entryPoint = fileURLToPath(new URL('./main.js', import.meta.url));
