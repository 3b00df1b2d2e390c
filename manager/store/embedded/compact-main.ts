import { workerData } from 'node:worker_threads';
import { compactLogs } from './compact.js';

/* Entry point of the snapshot thread; a failure ends the thread with a non-zero exit code. */

const { folder, last } = workerData as { readonly folder: string; readonly last: number };
await compactLogs(folder, last);
