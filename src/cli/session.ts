import type { BallastError, CallOptions } from '../core/index.ts'
import type { Store } from '../store/index.ts'
import type { Io } from './io.ts'

/** What a verb works with. */
export interface Session {
  readonly io: Io
  readonly store: () => Promise<Store>
  /** The same where one was named, or is at the usual place already. */
  readonly storeIfAny: () => Promise<Store | undefined>
  /** In PEM, of who alone may set policies of stages; none where anybody may. */
  readonly policyKeys: () => Promise<readonly string[]>
  /** The answer: one JSON document with `--json`, else the text. */
  readonly print: (result: unknown, text: () => string) => void
  /** One JSON line with `--json`, else the text; for verbs that go on. */
  readonly printLine: (result: unknown, text: string) => void
  /** Whether people read the answer: neither --json nor --quiet. */
  readonly isForPeople: boolean
  /** Whether somebody is there to answer a question. */
  readonly asks: boolean
  /** For people, on stderr. */
  readonly note: (text: string) => void
  /** The same of what failed and will be tried again, by verbs that go on. */
  readonly noteTrouble: (error: BallastError) => void
  readonly signal: AbortSignal
  /** From now on signals go to `receive` and end nothing here: another process is in charge. */
  readonly giveSignals: (receive: (signal: NodeJS.Signals) => void) => void
  readonly onProgress: NonNullable<CallOptions['onProgress']>
}
