import { type BallastError, EXIT_CODES, isBallastError } from '../../core/index.ts'
import type { CheckResult } from '../../workflows/check.ts'
import { formatDigest } from '../render/text.ts'
import { defineVerb } from '../verb.ts'

export const verb = defineVerb<[string[], { full?: boolean }]>({
  usage: 'check <operand...>',
  summary: 'say whether mounted directories or stored versions are there and whole',
  details:
    'Takes no time for large models: sizes, times and inodes are compared. --full hashes every byte.\nExit code 4 when something is wrong, so it can guard a start: `ballast check ./models && docker run …`',
  options: [['--full', 'hash every file']],
  examples: ['ballast check ./models', 'ballast check ./models sentiment:prod --full'],
  async run(session, operands, options) {
    const { check } = await import('../../workflows/check.ts')
    const store = await session.store()
    const results: CheckResult[] = []
    let absent = 0
    for (const operand of operands) {
      try {
        results.push(...(await check(store, operand, { ...session, ...options })))
      } catch (error) {
        // One operand that is not there must not keep the others from being looked at.
        if (operands.length === 1 || !isBallastError(error, 'NOT_FOUND')) throw error
        absent++
        results.push(absentResult(operand, error))
      }
    }
    session.print(results, () => results.map(describe).join(''))
    if (absent === operands.length) session.io.setExitCode(EXIT_CODES.NOT_FOUND)
    else if (results.some(({ faults }) => faults.length > 0)) session.io.setExitCode(EXIT_CODES.REFUSED)
  },
})

function absentResult(operand: string, { message, hint }: BallastError): CheckResult {
  return { operand, version: undefined, digest: undefined, faults: [message], extra: [], mend: hint }
}

function describe({ operand, version, digest, faults, extra, mend }: CheckResult): string {
  const lines = [
    faults.length === 0
      ? `ok   ${operand}   ${version}   ${digest === undefined ? '' : formatDigest(digest)}`
      : `BAD  ${operand}   ${version ?? 'no model'}`,
    ...faults.map((fault) => `     ${fault}`),
    ...(mend === undefined ? [] : [`     ${mend}`]),
    ...(extra.length === 0 ? [] : [`     also there, not part of the version: ${extra.join(', ')}`]),
  ]
  return `${lines.join('\n')}\n`
}
