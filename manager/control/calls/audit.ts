import { Args } from '../args.js';
import type { ControlCalls } from '../context.js';

export const auditCalls: Pick<ControlCalls, 'audit.list'> = {
  'audit.list': ({ audit }, value) => {
    const args = new Args('audit.list', value);
    return Promise.resolve(
      audit.read({
        sinceMs: args.count('sinceMs'),
        untilMs: args.count('untilMs'),
        limit: args.count('limit'),
        client: args.optionalText('client'),
      }),
    );
  },
};
