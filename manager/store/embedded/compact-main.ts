import { workerData } from 'node:worker_threads';
import { compact } from './compact.js';

/* The thread that makes a snapshot; it fails by ending badly. */

const { folder, last } = workerData as { readonly folder: string; readonly last: number };
await compact(folder, last);
