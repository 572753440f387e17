import { once } from 'node:events'
import { createServer } from 'node:http'
import { basename, join } from 'node:path'
import { BallastError, isBallastError, withLock } from '../../core/index.ts'
import { answerCall } from './protocol.ts'
import { type Listen, listenAt, unlinkSocket } from './socket.ts'
import { openVolumes, sentenceOf, type VolumesOptions } from './volumes.ts'

export interface PluginOptions extends Omit<VolumesOptions, 'directory'> {
  readonly listen: Listen
}

export interface RunningPlugin {
  /** What `docker volume create -d` calls it. */
  readonly name: string
  readonly socket: string
  /** Lets the calls that run end, and takes the socket away. What is mounted stays. */
  close(): Promise<void>
}

const RECONCILE_MS = 30_000
const GRACE_MS = 5_000

/**
 * Serves Docker's volume plugin API. The socket's name is the plugin's; its state is in the store under that name. Answers
 * only once the state is loaded: an Engine that hears of no volume forgets it. Throws CONFLICT for a second process.
 */
export async function startPlugin({ listen, ...options }: PluginOptions): Promise<RunningPlugin> {
  const name = basename(listen.path).replace(/\.sock$/, '')
  const directory = join(options.store.root, 'ballast', 'plugins', name)
  // The store is made where there is none yet.
  await (await options.store.begin()).close()
  const { promise: ended, resolve: end } = Promise.withResolvers<void>()
  const started = Promise.withResolvers<RunningPlugin>()
  const held = withLock(join(directory, 'lock'), { timeoutMs: 0 }, async () => {
    started.resolve(await run({ ...options, directory, listen, name, onEnd: end }))
    await ended
  }).catch((error: unknown) => {
    started.reject(isBallastError(error, 'LOCKED') ? secondProcess(name, options.store.root) : error)
  })
  const running = await started.promise
  return {
    ...running,
    async close() {
      await running.close()
      await held
    },
  }
}

async function run({
  listen,
  name,
  onEnd,
  ...options
}: PluginOptions &
  VolumesOptions & { readonly name: string; readonly onEnd: () => void }): Promise<RunningPlugin> {
  const { log } = options
  const volumes = await openVolumes(options)
  const server = createServer((request, response) => void answerCall(volumes, { request, response, log }))
  // Docker keeps connections, and what it writes to one that is being closed comes a second time without its body.
  server.keepAliveTimeout = 0
  server.requestTimeout = 0
  server.timeout = 0
  await listenAt(server, listen)
  const reconcile = (): void => {
    void volumes.reconcile().catch((error: unknown) => log(`reconcile: ${sentenceOf(error)}`))
  }
  reconcile()
  const timer = setInterval(reconcile, RECONCILE_MS)
  return {
    name,
    socket: listen.path,
    async close() {
      clearInterval(timer)
      await unlinkSocket(listen)
      const closed = once(server, 'close')
      server.close()
      server.closeIdleConnections()
      const late = setTimeout(() => server.closeAllConnections(), GRACE_MS)
      await closed
      clearTimeout(late)
      await volumes.close()
      onEnd()
    },
  }
}

function secondProcess(name: string, root: string): BallastError {
  return new BallastError('CONFLICT', `another process serves the plugin ${name} over ${root} already`, {
    hint: 'stop it first, or give this one a socket of another name: --plugin-socket',
  })
}
