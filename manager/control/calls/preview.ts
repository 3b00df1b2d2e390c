import { fields, oneOf } from '../../common/base/decode.js';
import { AppError } from '../../common/base/errors.js';
import type { PreviewableCall } from '../../common/protocol/control.js';
import type { PlannedStep } from '../../common/protocol/project-calls.js';
import { previewableCalls } from '../../common/protocol/control.js';
import type { ClusterStore } from '../../store/store.js';
import { Args } from '../args.js';
import { describeChange } from '../audit-lines.js';
import type { ControlCalls } from '../context.js';
import { dataCalls } from './data.js';
import { nodeCalls } from './nodes.js';
import { projectCalls } from './project.js';
import { projectSettingsCalls } from './project-settings.js';
import { resourceCalls } from './resources.js';
import { rolloutCalls } from './rollout.js';
import { serviceCalls } from './services.js';

const planned: Pick<ControlCalls, PreviewableCall> = {
  ...projectCalls,
  ...projectSettingsCalls,
  ...serviceCalls,
  ...rolloutCalls,
  ...nodeCalls,
  ...resourceCalls,
  ...dataCalls,
};

export const previewCalls: Pick<ControlCalls, 'preview'> = {
  /** Runs the call on a store whose updates go to a copy of the state. */
  preview: async (context, value) => {
    const { store, preview } = context;
    if (preview === undefined) {
      throw new AppError('unsupported', 'preview: not supported by this manager');
    }
    const args = new Args('preview', value);
    const name = args.field('call', oneOf(...previewableCalls));
    const input = args.field('args', fields);
    const changes: string[] = [];
    const steps: PlannedStep[] = [];
    const copy: ClusterStore = {
      view: store.view,
      update: async (_actor, change) => {
        const plan = await preview(undefined, change);
        changes.push(...plan.changes.flatMap((each) => describeChange(each) ?? []));
        steps.push(...plan.steps);
        return plan.result;
      },
      watch: (listener) => store.watch(listener),
      addBatchHook: (hook) => store.addBatchHook(hook),
      close: () => Promise.resolve(),
    };
    await planned[name]({ ...context, store: copy }, input);
    return { changes, steps };
  },
};
