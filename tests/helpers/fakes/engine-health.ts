/** The health of an engine that always answers. */
export const answeringEngine = {
  whileAnswering: <Result>(
    signal: AbortSignal,
    work: (signal: AbortSignal) => Promise<Result>,
  ): Promise<Result> => work(signal),
};
