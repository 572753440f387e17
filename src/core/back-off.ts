export interface BackOff {
  readonly firstMs: number
  readonly mostMs: number
}

/** How long to wait after so many failures in a row, in milliseconds: twice as long each time, and spread. */
export function backOffMs(failures: number, { firstMs, mostMs }: BackOff): number {
  return spread(Math.min(firstMs * 2 ** Math.min(Math.max(failures - 1, 0), 30), mostMs))
}

/** By a quarter to both sides, so that many who were turned away together do not come back together. */
export function spread(ms: number): number {
  return ms * (0.75 + Math.random() / 2)
}
