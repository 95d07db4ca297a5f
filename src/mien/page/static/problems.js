// What can go wrong, each said in one sentence.

/** One file cannot be read; the others can. */
export class FileProblem extends Error {}

/** Nothing further can be computed: no server, no token, no model. */
export class Halt extends Error {}
