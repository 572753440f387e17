import type { Command } from 'commander'
import { EXIT_CODES } from '../../core/index.ts'
import type { CheckResult } from '../../workflows/check.ts'
import type { Io } from '../io.ts'
import { formatDigest } from '../render/text.ts'
import { defineVerb } from '../verb.ts'

export function defineCheck(program: Command, io: Io): void {
  defineVerb<[string[], { full?: boolean }]>(program, io, {
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
      for (const operand of operands)
        results.push(...(await check(store, operand, { ...session, ...options })))
      session.print(results, () => results.map(describe).join(''))
      if (results.some(({ faults }) => faults.length > 0)) session.io.setExitCode(EXIT_CODES.REFUSED)
    },
  })
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
