/** The health of an engine that always answers. */
export const answeringEngine = {
  assertAnswers: (): Promise<void> => Promise.resolve(),
  silence: new AbortController().signal,
};
