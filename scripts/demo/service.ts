import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import type { Running, Sandbox } from './sandbox.ts'

export interface Service extends Running {
  readonly url: string
  /** From the start of the process to the first answer, in milliseconds. */
  readonly startMs: number
}

export interface Answer {
  readonly label: string
  readonly score: number
  readonly model: { readonly number: number } | undefined
}

/** Starts the example's `server.ts` as an image's command would. */
export async function startService(
  sandbox: Sandbox,
  { program, modelPath }: { readonly program: string; readonly modelPath: string },
): Promise<Service> {
  const port = await freePort()
  const started = performance.now()
  const running = await sandbox.start([program], {
    ready: /using .*/,
    env: { PORT: String(port), MODEL_PATH: modelPath },
  })
  const url = `http://127.0.0.1:${port}`
  await predict(url, 'good')
  return { ...running, url, startMs: performance.now() - started }
}

export async function predict(url: string, text: string): Promise<Answer> {
  const answer = await fetch(`${url}/predict?text=${encodeURIComponent(text)}`)
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${await answer.text()}`)
  return (await answer.json()) as Answer
}

/** Milliseconds until the service answers from version `number`. */
export async function untilVersion(url: string, number: number): Promise<number> {
  const started = performance.now()
  while ((await predict(url, 'good')).model?.number !== number) {
    if (performance.now() - started > 30_000) throw new Error(`${url} does not come to version ${number}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  return performance.now() - started
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
