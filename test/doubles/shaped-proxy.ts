import { createConnection, createServer, type Socket } from 'node:net'

export interface ShapedProxyOptions {
  /** Where connections lead. */
  readonly targetPort: number
  /** Of each connection, towards the client; without it, as fast as it goes. */
  readonly bytesPerSecond?: number | undefined
  /** A round trip takes so much longer, in milliseconds. */
  readonly latencyMs?: number | undefined
}

export interface ShapedProxy {
  readonly port: number
  /** Bytes that have gone to clients. */
  readonly passed: () => number
  /** Breaks every connection that is open. */
  readonly cut: () => void
  readonly close: () => Promise<void>
}

/** How often it is looked at what is due, in milliseconds. */
const TICK_MS = 2
/** What a link holds: bytes of so many milliseconds wait here before the sender is held back. */
const HELD_MS = 50

/** A link for each connection: every byte arrives late, and no faster than the rate. */
export async function startShapedProxy({
  targetPort,
  bytesPerSecond = Number.POSITIVE_INFINITY,
  latencyMs = 0,
}: ShapedProxyOptions): Promise<ShapedProxy> {
  const sockets = new Set<Socket>()
  let passed = 0
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const target = createConnection({ host: '127.0.0.1', port: targetPort, allowHalfOpen: true })
    for (const socket of [client, target]) {
      socket.setNoDelay()
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
      socket.on('error', () => {
        client.destroy()
        target.destroy()
      })
    }
    shape(client, target, { bytesPerSecond: Number.POSITIVE_INFINITY, delayMs: latencyMs / 2 })
    shape(target, client, {
      bytesPerSecond,
      delayMs: latencyMs / 2,
      onPassed: (count) => {
        passed += count
      },
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const cut = (): void => {
    for (const socket of sockets) socket.resetAndDestroy()
  }
  return {
    port: address.port,
    passed: () => passed,
    cut,
    close: async () => {
      cut()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

interface Shape {
  readonly bytesPerSecond: number
  readonly delayMs: number
  readonly onPassed?: (count: number) => void
}

function shape(from: Socket, to: Socket, { bytesPerSecond, delayMs, onPassed }: Shape): void {
  const waiting: { readonly chunk: Buffer | undefined; readonly due: number }[] = []
  let free = 0
  let timer: NodeJS.Timeout | undefined
  const add = (chunk: Buffer | undefined): void => {
    const now = performance.now()
    free = Math.max(free, now) + ((chunk?.length ?? 0) / bytesPerSecond) * 1000
    waiting.push({ chunk, due: free + delayMs })
    if (free - now > HELD_MS) from.pause()
    timer ??= setInterval(release, TICK_MS)
    if (delayMs === 0 && bytesPerSecond === Number.POSITIVE_INFINITY) release()
  }
  function release(): void {
    const now = performance.now()
    while (waiting[0] !== undefined && waiting[0].due <= now) {
      const { chunk } = waiting.shift() as { chunk: Buffer | undefined }
      if (chunk === undefined) to.end()
      else {
        onPassed?.(chunk.length)
        if (!to.write(chunk)) {
          clearInterval(timer)
          timer = undefined
          from.pause()
          to.once('drain', () => {
            timer ??= setInterval(release, TICK_MS)
            from.resume()
          })
          return
        }
      }
    }
    if (waiting.length === 0) {
      clearInterval(timer)
      timer = undefined
    }
    if (free - now <= HELD_MS) from.resume()
  }
  from.on('data', add)
  from.on('end', () => add(undefined))
  to.on('close', () => {
    clearInterval(timer)
    from.destroy()
  })
}
