import { BallastError, forTerminal } from '../core/index.ts'
import type { Store } from '../store/index.ts'
import { reportFailure } from './failure.ts'
import type { Io } from './io.ts'
import { checkProgress, createProgress } from './progress.ts'
import { isStoreThere, storePlace } from './store-place.ts'
import type { AnyVerb, CommonOptions } from './verb.ts'

/** A command line that has been read: what `run` of the verb is to get, and the options that every verb has. */
export interface Invocation {
  readonly verb: AnyVerb
  readonly args: readonly unknown[]
  readonly common: CommonOptions
}

/** Runs a verb: opens the store when asked, shows progress, turns what is thrown into a message and an exit code. */
export async function runVerb({ verb, args, common }: Invocation, io: Io): Promise<void> {
  const json = common.json === true
  const isForPeople = !json && common.quiet !== true
  const progress = createProgress(io, common)
  const note = (text: string): void => {
    progress.close()
    if (common.quiet !== true) io.err(`${forTerminal(text)}\n`)
  }
  const interrupt = new AbortController()
  let receive: ((signal: NodeJS.Signals) => void) | undefined
  const stop = (signal: NodeJS.Signals): void => {
    if (receive !== undefined) {
      receive(signal)
      return
    }
    if (interrupt.signal.aborted) process.exit(130)
    interrupt.abort(new BallastError('INTERRUPTED', 'interrupted'))
  }
  process.on('SIGINT', stop).on('SIGTERM', stop)
  if (verb.movesBytes === true) (await import('./heap.ts')).keepYoungHeapSmall()
  try {
    checkProgress(common)
    await verb.run(
      {
        io,
        store: () => open(common, io),
        storeIfAny: async () => (isStoreThere(common.store, io) ? open(common, io) : undefined),
        policyKeys: () => policyKeys(common, io),
        print: (result, text) => {
          progress.close()
          io.out(json ? `${JSON.stringify(result, undefined, 2)}\n` : forTerminal(text()))
        },
        printLine: (result, text) => {
          progress.restart()
          io.out(json ? `${JSON.stringify(result)}\n` : `${forTerminal(text)}\n`)
        },
        isForPeople,
        asks: isForPeople && io.isTerminal && process.stdin.isTTY === true,
        note,
        noteTrouble: ({ message, hint }) => {
          progress.restart()
          note(`ballast: ${message}${hint ? `\n  ${hint}` : ''}`)
        },
        signal: interrupt.signal,
        giveSignals: (to) => {
          progress.close()
          receive = to
        },
        onProgress: progress.onProgress,
      },
      ...args,
    )
  } catch (error) {
    await progress.end()
    reportFailure(error, io, { json, debug: common.debug === true })
    if (verb.failureCode !== undefined) io.setExitCode(verb.failureCode)
  } finally {
    await progress.end()
    process.off('SIGINT', stop).off('SIGTERM', stop)
  }
}

async function open(common: CommonOptions, io: Io): Promise<Store> {
  const { openStore } = await import('../store/index.ts')
  return openStore(storePlace(common.store, io), { policyKeys: await policyKeys(common, io) })
}

async function policyKeys(
  { policyKey }: CommonOptions,
  { env: { BALLAST_POLICY_KEY } }: Io,
): Promise<readonly string[]> {
  const file = policyKey ?? (BALLAST_POLICY_KEY || undefined)
  if (file === undefined) return []
  const { publicKeyFrom } = await import('../workflows/signers.ts')
  return [(await publicKeyFrom(file)).pem]
}
