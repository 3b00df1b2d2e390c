import { Readable } from 'node:stream';
import { decimalBytes } from './quantity.js';

/** Progress of a transfer. */
export interface Meter {
  /** 0 to 1; undefined while the total is unknown. */
  readonly fraction?: number;
  /** `12.3MB/45MB` */
  readonly text: string;
}

const barWidth = 20;

/** `[=====>              ] 12.3MB/45MB` */
export function meterBar({ fraction, text }: Meter): string {
  if (fraction === undefined) return text;
  const filled = Math.floor(barWidth * Math.min(1, Math.max(0, fraction)));
  const bar = `${'='.repeat(filled)}>`.slice(0, barWidth).padEnd(barWidth);
  return `[${bar}] ${text}`;
}

/** Returns the progress of a transfer of bytes. */
export function byteMeter(sent: number, total?: number): Meter {
  if (total === undefined) return { text: decimalBytes(sent) };
  const text = `${decimalBytes(sent)}/${decimalBytes(total)}`;
  return { fraction: total === 0 ? 1 : sent / total, text };
}

/** Passes a stream through; reports the number of bytes read so far with every chunk. */
export function metered(
  content: NodeJS.ReadableStream,
  onBytes: (bytes: number) => void,
): Readable {
  const counted = async function* (): AsyncGenerator<string | Buffer> {
    let total = 0;
    for await (const chunk of content) {
      total += chunk.length;
      onBytes(total);
      yield chunk;
    }
  };
  return Readable.from(counted(), { objectMode: false });
}
