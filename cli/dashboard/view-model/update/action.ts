import type { Service } from '../../../../manager/common/model/service.js';
import type {
  ControlCallMap,
  ControlCallName,
} from '../../../../manager/common/protocol/control.js';

export type Verb =
  | 'scaleUp'
  | 'scaleDown'
  | 'roll'
  | 'rollBack'
  | 'restart'
  | 'stop'
  | 'start'
  | 'kill'
  | 'remove'
  | 'drain'
  | 'activate';

/** One call to the manager. */
export type Request = {
  [Name in ControlCallName]: { readonly name: Name; readonly args: ControlCallMap[Name]['args'] };
}[ControlCallName];

/** Something that changes the cluster: what is said before it, and the calls that do it. */
export interface Action {
  readonly title: string;
  /** What will happen, in numbers; one line each. */
  readonly effect: readonly string[];
  readonly requests: readonly Request[];
  /** Asked for: not at all, a yes, or this word. */
  readonly confirm: 'none' | 'yes' | { readonly word: string };
}

export function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}

export const labelOf = ({ spec }: Service): string => `${spec.project}/${spec.service}`;

export function listOf(names: readonly string[]): string {
  return names.length <= 3
    ? names.join(', ')
    : `${names.slice(0, 2).join(', ')} and ${names.length - 2} more`;
}
