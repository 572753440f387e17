import { BallastError, type CallOptions } from '../core/index.ts'
import type { Io } from './io.ts'
import { type CommonOptions, PROGRESS_FORMS } from './verb.ts'

export interface ProgressView {
  readonly onProgress: NonNullable<CallOptions['onProgress']>
  /** Removes what is drawn, before anything else is printed. */
  readonly close: () => void
  /** What comes next is other work: of a verb that goes on. */
  readonly restart: () => void
}

export interface ShownProgress extends ProgressView {
  /** Resolves when all that was to be shown has been, and nothing is left drawn. */
  readonly end: () => Promise<void>
}

type Kind = 'terminal' | 'plain' | 'json'

/**
 * How progress is shown: lines redrawn on a terminal, a plain line every few seconds elsewhere, JSON events on request,
 * nothing with `--quiet`, nor with `--json` unless it is asked for. What draws is loaded by the first event.
 */
export function createProgress(io: Io, common: CommonOptions): ShownProgress {
  const kind = kindOf(io, common)
  if (kind === undefined) return NOTHING
  let view: ProgressView | undefined
  let loading: Promise<void> | undefined
  const waiting: ((view: ProgressView) => void)[] = []
  const load = async (): Promise<void> => {
    view = await VIEWS[kind](io)
    for (const act of waiting.splice(0)) act(view)
  }
  const tell = (act: (view: ProgressView) => void): void => {
    if (view === undefined) waiting.push(act)
    else act(view)
  }
  return {
    onProgress(event) {
      loading ??= load()
      tell((shown) => shown.onProgress(event))
    },
    close: () => view?.close(),
    restart() {
      if (loading !== undefined) tell((shown) => shown.restart())
    },
    async end() {
      await loading
      view?.close()
    },
  }
}

const VIEWS: Readonly<Record<Kind, (io: Io) => Promise<ProgressView>>> = {
  terminal: async (io) => (await import('./render/progress-terminal.ts')).createTerminalProgress(io),
  plain: async (io) => (await import('./render/progress-plain.ts')).createPlainProgress(io),
  json: async (io) => (await import('./render/progress-json.ts')).createJsonProgress(io),
}

const NOTHING: ShownProgress = {
  onProgress: () => undefined,
  close: () => undefined,
  restart: () => undefined,
  end: async () => undefined,
}

function kindOf(io: Io, { progress = 'auto', json, quiet }: CommonOptions): Kind | undefined {
  if (quiet === true || progress === 'none') return undefined
  if (progress === 'json' || progress === 'plain') return progress
  if (json === true) return undefined
  return io.isTerminal ? 'terminal' : 'plain'
}

/** Throws USAGE for another word than `auto`, `plain`, `json` and `none`. */
export function checkProgress({ progress = 'auto' }: CommonOptions): void {
  if ((PROGRESS_FORMS as readonly string[]).includes(progress)) return
  throw new BallastError('USAGE', `--progress ${progress}: there is no such way to show progress`, {
    hint: 'auto, plain, json or none',
  })
}
