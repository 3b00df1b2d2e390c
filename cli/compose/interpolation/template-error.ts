/** Thrown for a malformed template, a missing required variable, or a value that cannot be cast. */
export class TemplateError extends Error {}
