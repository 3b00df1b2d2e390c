import type { ProvisionStep } from '../../../cli/provision/plan.js';

/** A step as one line, for golden tests. */
export function describeStep(step: ProvisionStep): string {
  switch (step.kind) {
    case 'upload-runtime':
    case 'upload-app':
    case 'upload-consul':
      return `${step.kind} ${step.sum.slice(0, 12)}: ${step.cause}`;
    case 'install':
      return `install ${step.packages.join(' ')} (${step.manager}): ${step.cause}`;
    case 'link':
      return `link ${step.runtime.slice(0, 12)} ${step.app.slice(0, 12)}: ${step.cause}`;
    case 'create-user':
      return `create user ${step.user}: ${step.cause}`;
    case 'write-files':
      return `write ${step.files.map((file) => file.path).join(' ')}: ${step.cause}`;
    case 'remove-files':
      return `remove ${step.paths.join(' ')}: ${step.cause}`;
    case 'restart-engine':
      return `restart engine${step.keepContainers ? ' keeping containers' : ''}: ${step.cause}`;
    case 'stop-unit':
    case 'restart-unit':
      return `${step.kind} ${step.unit}: ${step.cause}`;
  }
}
