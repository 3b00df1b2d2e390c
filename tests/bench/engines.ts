import type Docker from 'dockerode';

/** Runs `job` for every item, `width` at a time. */
export async function inParallel<T>(
  items: readonly T[],
  width: number,
  job: (item: T) => Promise<void>,
): Promise<void> {
  const queue = [...items];
  const lane = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await job(item);
  };
  await Promise.all(Array.from({ length: width }, lane));
}

/** Running containers of this engine with a label. */
export async function running(
  engine: Docker,
  label: string,
): Promise<readonly Docker.ContainerInfo[]> {
  return engine.listContainers({ filters: { label: [label], status: ['running'] } });
}

/**
 * Subscribes to the engine's next matching event; `wait` resolves with its time in ms since the
 * epoch.
 */
export async function nextEvent(
  engine: Docker,
  filters: Record<string, string[]>,
  timeoutMs: number,
): Promise<{ readonly wait: Promise<number>; readonly close: () => void }> {
  const stream = (await engine.getEvents({ filters })) as NodeJS.ReadableStream & {
    destroy(): void;
  };
  const wait = new Promise<number>((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Error(`no event ${JSON.stringify(filters)} in ${String(timeoutMs)} ms`));
    }, timeoutMs);
    stream.once('data', (data: Buffer) => {
      clearTimeout(timer);
      const event = JSON.parse(data.toString().split('\n')[0] ?? '{}') as { timeNano: number };
      resolve(event.timeNano / 1e6);
    });
  });
  // An abandoned wait must not end the program with an unhandled rejection.
  wait.catch(() => undefined);
  return {
    wait,
    close: () => {
      stream.destroy();
    },
  };
}
