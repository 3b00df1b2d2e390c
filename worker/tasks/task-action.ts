/** An action on a task's container; actions run one at a time. */
export type TaskAction =
  | 'prepare'
  | 'create'
  /** Joins and leaves networks, as a client has asked for. */
  | 'connect'
  | 'start'
  /** Runs the user's post_start hooks. */
  | 'after-start'
  | 'before-stop'
  | 'stop'
  | 'remove';
