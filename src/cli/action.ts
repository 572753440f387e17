import type { Command } from 'commander'
import { BallastError, type CallOptions } from '../core/index.ts'
import type { Store } from '../store/index.ts'
import { reportFailure } from './failure.ts'
import type { Io } from './io.ts'
import { createProgressView } from './render/progress.ts'
import { storePlace } from './store-place.ts'

/** What a verb works with. */
export interface Session {
  readonly io: Io
  readonly store: () => Promise<Store>
  /** The answer: one JSON document with `--json`, else the text. */
  readonly print: (result: unknown, text: () => string) => void
  /** One JSON line with `--json`, else the text; for verbs that go on. */
  readonly printLine: (result: unknown, text: string) => void
  /** For people, on stderr. */
  readonly note: (text: string) => void
  readonly signal: AbortSignal
  readonly onProgress: NonNullable<CallOptions['onProgress']>
}

interface GlobalOptions {
  readonly store?: string
  readonly json?: boolean
  readonly quiet?: boolean
  readonly debug?: boolean
}

/**
 * Runs a verb: opens the store when asked, shows progress, turns what is thrown into a message and an exit code.
 * `work` gets the operands and then the verb's options, as commander passes them.
 */
export function action<A extends readonly unknown[]>(
  io: Io,
  work: (session: Session, ...args: A) => Promise<void>,
): (...args: unknown[]) => Promise<void> {
  return async (...args) => {
    const command = args.at(-1) as Command
    const options = command.optsWithGlobals<GlobalOptions>()
    const json = options.json === true
    const progress = createProgressView(io)
    const interrupt = new AbortController()
    const stop = (): void => {
      if (interrupt.signal.aborted) process.exit(130)
      interrupt.abort(new BallastError('INTERRUPTED', 'interrupted'))
    }
    process.on('SIGINT', stop).on('SIGTERM', stop)
    try {
      await work(
        {
          io,
          store: async () => (await import('../store/index.ts')).openStore(storePlace(options.store, io)),
          print: (result, text) => {
            progress.close()
            io.out(json ? `${JSON.stringify(result, undefined, 2)}\n` : text())
          },
          printLine: (result, text) => {
            progress.close()
            io.out(json ? `${JSON.stringify(result)}\n` : `${text}\n`)
          },
          note: (text) => {
            progress.close()
            if (options.quiet !== true) io.err(`${text}\n`)
          },
          signal: interrupt.signal,
          onProgress: options.quiet === true || json ? () => undefined : progress.onProgress,
        },
        ...(args.slice(0, -1) as unknown as A),
      )
    } catch (error) {
      progress.close()
      reportFailure(error, io, { json, debug: options.debug === true })
    } finally {
      progress.close()
      process.off('SIGINT', stop).off('SIGTERM', stop)
    }
  }
}
