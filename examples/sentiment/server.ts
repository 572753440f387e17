import { once } from 'node:events'
import { realpathSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { argv, env, exit, stderr } from 'node:process'
import { fileURLToPath } from 'node:url'
import { type OpenedVariants, openVariants, type ResolvedModel } from 'ballast/runtime'
import { loadSentiment, type SentimentModel } from './model.ts'
import { createService } from './service.ts'

export interface ServerOptions {
  readonly port: number
  /** The model's directory, however the model comes there. */
  readonly modelPath: string
  readonly pollMs?: number | undefined
  readonly log?: (line: string) => void
}

export interface RunningServer {
  readonly port: number
  /** Fulfilled when the model is loaded and answers are given; rejected when there is none. */
  readonly ready: Promise<void>
  /** Answers what has been asked, then ends. */
  close(): Promise<void>
}

const LONGEST_GOODBYE_MS = 10_000
/** Longer than clients and proxies keep theirs: a request that is sent into a connection which is being closed would fail. */
const KEEP_ALIVE_MS = 75_000

/** Listens at once, so that /health can say that the model is still being loaded. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const log = options.log ?? (() => {})
  const ending = new AbortController()
  let opened: OpenedVariants<SentimentModel> | undefined

  const server = createServer(
    { keepAliveTimeout: KEEP_ALIVE_MS },
    createService(() => opened),
  )
  server.listen(options.port)
  await once(server, 'listening')

  const ready = (async () => {
    opened = await openVariants(options.modelPath, loadSentiment, {
      pollMs: options.pollMs,
      signal: ending.signal,
      onSwap(current) {
        log(`now using ${namesOf(current.loaded)}`)
      },
      onError(error) {
        log(`still using ${namesOf(opened?.current.loaded ?? [])}: ${messageOf(error)}`)
      },
    })
    log(`using ${namesOf(opened.current.loaded)}`)
  })()
  ready.catch(() => {})

  return {
    port: (server.address() as AddressInfo).port,
    ready,
    async close() {
      ending.abort()
      const closed = once(server, 'close')
      server.close()
      // A kept-alive connection becomes idle only after its last answer.
      const sweep = setInterval(() => server.closeIdleConnections(), 50)
      const cut = setTimeout(() => server.closeAllConnections(), LONGEST_GOODBYE_MS)
      await closed
      clearInterval(sweep)
      clearTimeout(cut)
    },
  }
}

function namesOf(loaded: readonly { readonly variant: string; readonly model: ResolvedModel }[]): string {
  if (loaded.length === 0) return 'no model'
  const names = loaded.map(
    ({ variant, model }) => `${loaded.length > 1 ? `${variant}: ` : ''}${nameOf(model)}`,
  )
  return names.join(', ')
}

function nameOf({ version, directory }: ResolvedModel): string {
  return version === undefined ? directory : `${version.model} version ${version.number} (${version.digest})`
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

if (argv[1] !== undefined && realpathSync(argv[1]) === fileURLToPath(import.meta.url)) {
  const log = (line: string): void => void stderr.write(`${line}\n`)
  const modelPath = env.MODEL_PATH ?? '/app/models'
  const server = await startServer({ port: Number(env.PORT ?? 8000), modelPath, log })
  log(`listening on port ${server.port}`)
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => void server.close().then(() => exit(0)))
  }
  server.ready.catch((error: unknown) => {
    log(messageOf(error))
    exit(1)
  })
}
