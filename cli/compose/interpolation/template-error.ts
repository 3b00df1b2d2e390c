/** A template that is malformed or asks for a variable that is not there, or text of the wrong type. */
export class TemplateError extends Error {}
