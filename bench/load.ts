import { Agent, request } from 'node:http'
import { argv, exit, stderr, stdout } from 'node:process'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'

/** What an answer was. `version` is counted; `problem` makes the answer a failure. */
export interface Verdict {
  readonly version?: string
  readonly problem?: string
}

export interface LoadOptions {
  /** Several take turns. */
  readonly url: string | readonly string[]
  /** Requests a second. They are sent when they are due, however long the answers take. */
  readonly rate: number
  /** How long requests are sent; without it, until the signal is aborted. */
  readonly seconds?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** `checkPrediction` by default. */
  readonly check?: ((status: number, body: string, url: string) => Verdict) | undefined
  /** What the answers are added to, where they are to be counted with those of an earlier run. */
  readonly tally?: Tally | undefined
  /** An answer that takes longer is a failure. 10,000 by default. */
  readonly timeoutMs?: number | undefined
}

export interface LoadSummary {
  readonly sent: number
  readonly ok: number
  readonly failed: number
  readonly seconds: number
  /** Of answers that were ok, from the moment at which the request was due. */
  readonly latencyMs: { readonly p50: number; readonly p99: number; readonly max: number }
  /** How late the generator itself sent at worst: with a large one the latencies are its own, not the server's. */
  readonly latestSendMs: number
  readonly versions: Readonly<Record<string, number>>
  readonly problems: Readonly<Record<string, number>>
}

/**
 * Sends requests at a fixed rate, by the clock, and never waits for an answer before the next: a server that stalls
 * is charged for every request that was due meanwhile. Ends when the last answer is there. Never throws for an answer.
 */
export async function runLoad(options: LoadOptions): Promise<LoadSummary> {
  const { rate, seconds = Infinity, signal, check = checkPrediction, timeoutMs = 10_000 } = options
  const { tally = createTally() } = options
  const urls = [options.url].flat()
  if (!(rate > 0)) throw new TypeError('a rate above 0 is needed')
  if (seconds === Infinity && signal === undefined) throw new TypeError('seconds or a signal is needed')
  const agent = new Agent({ keepAlive: true, maxSockets: MOST_SOCKETS })
  const pending = new Set<Promise<void>>()
  const total = Math.ceil(rate * seconds)
  const begin = performance.now()

  const send = async (url: string, due: number): Promise<void> => {
    try {
      const { status, body } = await get(url, agent, timeoutMs)
      const verdict = check(status, body, url)
      tally.add({ ...verdict, latency: performance.now() - due })
    } catch (error) {
      tally.add({ problem: nameOf(error), latency: performance.now() - due })
    }
  }

  let sent = 0
  let latest = 0
  while (sent < total && !signal?.aborted) {
    const due = begin + (sent * 1000) / rate
    const wait = due - performance.now()
    if (wait > 0) {
      await pause(wait, undefined, signal && { signal }).catch(() => {})
      continue
    }
    latest = Math.max(latest, -wait)
    const url = urls[sent++ % urls.length] as string
    const answer = send(url, due).finally(() => pending.delete(answer))
    pending.add(answer)
    // Requests that are overdue together must not keep the answers from being read.
    if (sent % BURST === 0) await pause(0)
  }
  const elapsed = (performance.now() - begin) / 1000
  await Promise.all(pending)
  agent.destroy()
  return { sent, seconds: round(elapsed), latestSendMs: round(latest), ...tally.summary() }
}

/** Beyond this, requests wait in the agent: the wait counts, but the machine does not run out of ports. */
const MOST_SOCKETS = 256
const BURST = 64

/** An answer of the sentiment example: 200, and both files' stamps the same. */
export function checkPrediction(status: number, body: string): Verdict {
  if (status !== 200) return { problem: `status ${status}` }
  const { model, stamps } = JSON.parse(body) as Prediction
  const version = model === null ? (stamps?.weights ?? 'unknown') : `${model?.number} ${model?.digest}`
  if (stamps === undefined) return { version, problem: 'no stamps' }
  return stamps.weights === stamps.vocabulary ? { version } : { version, problem: 'mixed versions' }
}

interface Prediction {
  readonly model?: { readonly number: number; readonly digest: string } | null
  readonly stamps?: { readonly weights: string; readonly vocabulary: string }
}

function get(
  url: string,
  agent: Agent,
  timeoutMs: number,
): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const sending = request(url, { agent, signal: AbortSignal.timeout(timeoutMs) }, (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('error', reject)
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts).toString('utf8') }),
      )
    })
    sending.on('error', reject)
    sending.end()
  })
}

export type Tally = ReturnType<typeof createTally>

export function createTally() {
  const latencies: number[] = []
  const versions: Record<string, number> = {}
  const problems: Record<string, number> = {}
  let failed = 0
  return {
    add({ version, problem, latency }: Verdict & { readonly latency: number }): void {
      if (version !== undefined) versions[version] = (versions[version] ?? 0) + 1
      if (problem === undefined) latencies.push(latency)
      else {
        failed++
        problems[problem] = (problems[problem] ?? 0) + 1
      }
    },
    summary() {
      latencies.sort((a, b) => a - b)
      const at = (share: number): number => round(latencies[Math.ceil(latencies.length * share) - 1] ?? 0)
      const latencyMs = { p50: at(0.5), p99: at(0.99), max: at(1) }
      return { ok: latencies.length, failed, latencyMs, versions, problems }
    },
  }
}

function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return 'code' in error && typeof error.code === 'string' ? error.code : `${error.name}: ${error.message}`
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000
}

if (import.meta.main) {
  const { values } = parseArgs({
    args: argv.slice(2),
    options: {
      url: { type: 'string', default: 'http://localhost:8000/predict?text=what%20a%20lovely%20day' },
      rate: { type: 'string', default: '500' },
      seconds: { type: 'string', default: '20' },
    },
  })
  const { url, rate, seconds } = values
  stderr.write(`${rate} requests a second for ${seconds} s to ${url}\n`)
  const summary = await runLoad({ url, rate: Number(rate), seconds: Number(seconds) })
  stdout.write(`${JSON.stringify(summary, undefined, 2)}\n`)
  exit(summary.failed === 0 ? 0 : 1)
}
