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

/** Containers of a service that run on this engine. */
export async function running(
  engine: Docker,
  label: string,
): Promise<readonly Docker.ContainerInfo[]> {
  return engine.listContainers({ filters: { label: [label], status: ['running'] } });
}

/** Resolves with the time (ms since the epoch) of the first event of these engines that fits. */
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
  // A wait that nobody awaits any more must not end the program.
  wait.catch(() => undefined);
  return {
    wait,
    close: () => {
      stream.destroy();
    },
  };
}
