export interface PhaseReport {
  readonly phase: string
  /** Killed while it ran. */
  readonly kills: number
  /** It had ended before the instant came; what must hold was looked at all the same. */
  readonly tooLate: number
}

export function summaryOf({ phase, kills, tooLate }: PhaseReport): string {
  return `${phase}: ${kills} kills${tooLate === 0 ? '' : `, ${tooLate} too late`}`
}
