/** Compressed bytes that cannot be what they begin like. */
export class Damaged extends Error {
  constructor() {
    super('damaged')
  }
}

/** They may well be right, but to read them more memory would be taken than is reasonable, or it is not done here. */
export class NotRead extends Error {}
