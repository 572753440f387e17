import { BallastError, EXIT_CODES, isBallastError } from '../../core/index.ts'
import type { CheckResult } from '../../workflows/check-target.ts'
import { engineChoice } from '../engine-choice.ts'
import { imageAccess } from '../image-access.ts'
import { formatDigest } from '../render/text.ts'
import type { Session } from '../session.ts'
import { defineVerb } from '../verb.ts'

interface CheckFlags {
  readonly full?: boolean
  readonly current?: boolean
  readonly wait?: boolean
  readonly timeout?: string
  readonly plainHttp?: string
}

interface Looked {
  readonly results: readonly CheckResult[]
  readonly absent: number
}

export const verb = defineVerb<[string[], CheckFlags]>({
  usage: 'check <operand...>',
  summary: 'say which model a directory, volume, container or image serves, and whether it is whole',
  details:
    'An operand is a directory, a model of the store, volume:NAME, container:NAME[:PATH], image:NAME[:PATH], or an image in a ' +
    'registry, a layout (oci:DIRECTORY:TAG) or an archive (archive:FILE). Of a container it looks at what is mounted and what ' +
    'is embedded: whole or damaged, readable by its user, made empty by a mount, hidden by one. A model that docker build ' +
    'has copied is told by its bytes, if the store has the version.\n' +
    'Takes no time for large models: sizes, times and inodes are compared. --full hashes every byte.\n' +
    'Exit code 4 when something is wrong, so it can guard a start: `ballast check ./models && docker run …`. A version that its ' +
    'tag has left since is told, and wrong only with --current.',
  options: [
    ['--full', 'hash every file'],
    ['--current', 'a version that its tag has left counts as wrong'],
    ['--wait', 'wait until everything is there and whole, for five minutes at most'],
    ['--timeout <seconds>', 'with --wait: for how long at most'],
    ['--plain-http <host>', 'a registry without TLS, beside those on this machine (several: A,B)'],
  ],
  examples: [
    'ballast check ./models',
    'ballast check container:api',
    'ballast check volume:ml_models --wait --timeout 60',
    'ballast check ./models sentiment:prod --full',
  ],
  async run(session, operands, options) {
    const timeoutMs = timeoutOf(options)
    const { waitFor } = await import('../../workflows/wait-for.ts')
    const { results, absent } = await waitFor(
      () => look(session, operands, options),
      (looked) =>
        looked.results.flatMap(({ operand, faults }) => faults.map((fault) => `${operand}: ${fault}`)),
      { timeoutMs, signal: session.signal, onWait: (why) => session.note(`waiting: ${why}`) },
    )
    session.print(results, () => results.map(describe).join(''))
    if (absent === operands.length) session.io.setExitCode(EXIT_CODES.NOT_FOUND)
    else if (results.some(({ faults }) => faults.length > 0)) session.io.setExitCode(EXIT_CODES.REFUSED)
  },
})

const USUAL_TIMEOUT_S = 300

function timeoutOf({ wait, timeout }: CheckFlags): number {
  if (wait !== true && timeout !== undefined) {
    throw new BallastError('USAGE', '--timeout goes with --wait', { hint: 'add --wait, or leave it out' })
  }
  const seconds = timeout === undefined ? USUAL_TIMEOUT_S : Number(timeout)
  if (timeout !== undefined && !(/^\d+(?:\.\d+)?$/.test(timeout) && seconds <= 1_000_000)) {
    throw new BallastError('USAGE', `--timeout ${timeout}: not a number of seconds`, {
      hint: 'write --timeout 60',
    })
  }
  return wait === true ? seconds * 1000 : 0
}

async function look(session: Session, operands: readonly string[], options: CheckFlags): Promise<Looked> {
  const { check } = await import('../../workflows/check.ts')
  const store = await session.store()
  const settings = {
    signal: session.signal,
    onProgress: session.onProgress,
    full: options.full === true,
    access: imageAccess(session.io, options),
    engine: engineChoice(session.io),
  }
  const results: CheckResult[] = []
  let absent = 0
  for (const operand of operands) {
    try {
      const found = await check(store, operand, settings)
      results.push(...(options.current === true ? found.map(withStaleness) : found))
    } catch (error) {
      // One operand that is not there must not keep the others from being looked at.
      if (operands.length === 1 || !isBallastError(error, 'NOT_FOUND')) throw error
      absent++
      results.push(absentResult(operand, error))
    }
  }
  return { results, absent }
}

function withStaleness(result: CheckResult): CheckResult {
  if (result.stale === undefined) return result
  return {
    ...result,
    faults: [...result.faults, result.stale],
    mend: result.mend ?? 'mount or embed it again',
  }
}

function absentResult(operand: string, { message, hint }: BallastError): CheckResult {
  return { operand, version: undefined, digest: undefined, faults: [message], extra: [], mend: hint }
}

function describe({ operand, version, digest, faults, extra, mend, stale, notes = [] }: CheckResult): string {
  const lines = [
    faults.length === 0
      ? `ok   ${operand}   ${version}   ${digest === undefined ? '' : formatDigest(digest)}`
      : `BAD  ${operand}   ${version ?? 'no model'}`,
    ...faults.map((fault) => `     ${fault}`),
    ...(mend === undefined ? [] : [`     ${mend}`]),
    ...(stale === undefined || faults.includes(stale) ? [] : [`     stale: ${stale}`]),
    ...notes.map((note) => `     ${note}`),
    ...(extra.length === 0 ? [] : [`     also there, not part of the version: ${extra.join(', ')}`]),
  ]
  return `${lines.join('\n')}\n`
}
