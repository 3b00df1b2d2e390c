import { AppError, messageOf } from '../../manager/common/base/errors.js';
import { LayerMeter } from '../build/layer-meter.js';
import { RegistryCredentials } from '../build/registry-auth.js';
import { imageOf } from '../compose/specs/names.js';
import type { Cli } from '../cli.js';
import type { ProgressRow } from '../output/progress.js';
import { runWithLimit } from './run-with-limit.js';
import { readEngineOutput, type ServiceImages } from './engine-output.js';
import { warn, withProgress } from '../project/progress-output.js';

export interface PushFlags {
  readonly ignorePushFailures?: boolean;
  readonly includeDeps?: boolean;
  readonly quiet?: boolean;
}

/**
 * Pushes images like docker compose: only services with `build:`, including the tags of the build.
 */
export async function pushServices(
  cli: Cli,
  { client, project, keys }: ServiceImages,
  flags: PushFlags,
): Promise<void> {
  const { signal } = cli.interrupts;
  const credentials = new RegistryCredentials(cli.env);
  const images = keys.flatMap((key) => {
    const service = project.services[key];
    if (service?.build === undefined) return [];
    return [imageOf(project, key, service), ...(service.build.tags ?? [])];
  });
  const failures: string[] = [];
  await withProgress(cli, async (progress) => {
    const rows = new Map<string, ProgressRow>();
    const show = (image: string, row: Pick<ProgressRow, 'text' | 'state' | 'meter'>): void => {
      rows.set(image, { id: `Image ${image}`, ...row });
      if (flags.quiet !== true) progress.show('Pushing', [...rows.values()]);
    };
    const pushOne = (image: string) => async () => {
      show(image, { text: 'Pushing', state: 'working' });
      const sent = new LayerMeter();
      try {
        const auth = await credentials.forImage(image);
        const args = { image, ...(auth === undefined ? {} : { auth }) };
        await readEngineOutput(await client.open('push', args, signal), (line) => {
          const meter = sent.read(line);
          if (meter !== undefined) show(image, { text: 'Pushing', state: 'working', meter });
        });
        show(image, { text: 'Pushed', state: 'done' });
      } catch (error) {
        show(image, { text: 'Error', state: 'error' });
        failures.push(`image ${image}: ${messageOf(error)}`);
      }
    };
    await runWithLimit(cli.options.parallel, [...new Set(images)].map(pushOne));
  });
  if (failures.length === 0) return;
  if (flags.ignorePushFailures !== true) throw new AppError('unavailable', failures.join('; '));
  for (const line of failures) warn(cli, line);
}
