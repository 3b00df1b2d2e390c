/** Ends a command in a dry run after it has printed its plan. It is no error. */
export class DryRunEnd extends Error {
  constructor() {
    super('');
    this.name = 'DryRunEnd';
  }
}
