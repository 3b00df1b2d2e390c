import type { Service } from '../../../../manager/common/model/service.js';
import type {
  ControlCallMap,
  ControlCallName,
} from '../../../../manager/common/protocol/control.js';

export type ActionVerb =
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

/** A control call to the manager. */
export type ActionRequest = {
  [Name in ControlCallName]: { readonly name: Name; readonly args: ControlCallMap[Name]['args'] };
}[ControlCallName];

/** A change to the cluster: its description for the confirmation, and its calls. */
export interface ClusterAction {
  readonly title: string;
  /** The expected effect with counts, one line each. */
  readonly effect: readonly string[];
  readonly requests: readonly ActionRequest[];
  /** Confirmation: none, the key `y`, or this word typed. */
  readonly confirm: 'none' | 'yes' | { readonly word: string };
}

/** `1 container`, `2 containers`. */
export function pluralize(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}

export const serviceTitle = ({ spec }: Service): string => `${spec.project}/${spec.service}`;

/** Joins names; more than three are abbreviated to `a, b and 5 more`. */
export function abbreviateNames(names: readonly string[]): string {
  return names.length <= 3
    ? names.join(', ')
    : `${names.slice(0, 2).join(', ')} and ${names.length - 2} more`;
}
