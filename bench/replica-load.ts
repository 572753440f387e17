import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { createTally, type LoadSummary, runLoad, type Verdict } from './load.ts'

/** A service whose replicas are asked in turn, and what its answers have to say. */
export interface LoadedService {
  readonly name: string
  readonly urls: readonly string[]
  /** Of all of its replicas together, a second. */
  readonly rate: number
  /** What tells versions apart in an answer, by the version's number: they take turns. */
  readonly expected: readonly string[]
}

export interface Phase extends Pick<LoadSummary, 'sent' | 'latestSendMs'> {
  /** Cores that the generator itself has used. */
  readonly cores: number
}

/** Of all phases of a kind, by service. */
export type Answers = Readonly<Record<string, Pick<LoadSummary, 'ok' | 'failed' | 'latencyMs' | 'problems'>>>

/** Requests from a process of their own, so that what moves the tags delays none of them. */
export interface ReplicaLoad {
  /** When each replica, by its URL, has first answered from the version that it answers from now. */
  readonly current: ReadonlyMap<string, Seen>
  begin(kind: string): void
  end(): Promise<Phase>
  answers(kind: string): Promise<Answers>
  close(): void
}

export interface Seen {
  readonly number: number
  /** Milliseconds since 1970. */
  readonly at: number
}

export function startReplicaLoad(services: readonly LoadedService[]): ReplicaLoad {
  const child = fork(fileURLToPath(import.meta.url), [JSON.stringify(services)])
  const current = new Map<string, Seen>()
  child.on('message', (message: { readonly seen?: Seen & { readonly url: string } }) => {
    if (message.seen !== undefined) current.set(message.seen.url, message.seen)
  })
  return {
    current,
    begin: (kind) => void child.send({ begin: kind }),
    end: () => ask(child, { end: true }),
    answers: (kind) => ask(child, { answers: kind }),
    close: () => child.disconnect(),
  }
}

async function ask<T>(child: ChildProcess, question: object): Promise<T> {
  child.send(question)
  for (;;) {
    const [message] = (await once(child, 'message')) as [{ readonly reply?: T }]
    if (message.reply !== undefined) return message.reply
  }
}

interface Question {
  readonly begin?: string
  readonly end?: true
  readonly answers?: string
}

function answerParent(services: readonly LoadedService[]): void {
  const seen = new Map<string, number>()
  const tallies = services.map(() => new Map<string, ReturnType<typeof createTally>>())
  let ending = new AbortController()
  let running: Promise<Phase> = Promise.resolve({ sent: 0, latestSendMs: 0, cores: 0 })
  const tallyOf = (at: number, kind: string) => {
    const tally = tallies[at]?.get(kind) ?? createTally()
    tallies[at]?.set(kind, tally)
    return tally
  }
  const check = (service: LoadedService) => (status: number, body: string, url: string) => {
    const { number, ...verdict } = judge(service, { status, body })
    if (number !== undefined && seen.get(url) !== number) {
      seen.set(url, number)
      process.send?.({ seen: { url, number, at: Date.now() } })
    }
    return verdict
  }
  const run = async (kind: string): Promise<Phase> => {
    const before = { time: performance.now(), cpu: process.cpuUsage() }
    const summaries = await Promise.all(
      services.map((service, at) => {
        const { urls, rate } = service
        const tally = tallyOf(at, kind)
        return runLoad({ url: urls, rate, signal: ending.signal, check: check(service), tally })
      }),
    )
    const { user, system } = process.cpuUsage(before.cpu)
    return {
      sent: summaries.reduce((sum, { sent }) => sum + sent, 0),
      latestSendMs: Math.max(...summaries.map(({ latestSendMs }) => latestSendMs)),
      cores: (user + system) / 1000 / (performance.now() - before.time),
    }
  }
  process.on('message', async ({ begin, end, answers }: Question) => {
    if (begin !== undefined) {
      ending = new AbortController()
      running = run(begin)
    }
    if (end !== undefined) {
      ending.abort()
      process.send?.({ reply: await running })
    }
    if (answers !== undefined) {
      const entries = services.map(({ name }, at) => [name, tallyOf(at, answers).summary()])
      process.send?.({ reply: Object.fromEntries(entries) })
    }
  })
}

interface Told {
  /** Of the service in TypeScript, whose two files have a stamp each. */
  readonly model?: { readonly number?: number } | null
  readonly stamps?: { readonly weights?: string; readonly vocabulary?: string }
  /** Of the service in Python. */
  readonly version?: number | null
  readonly label?: string
}

/** An answer has to come from the files of the version that it names, and of no other. */
function judge(
  { expected }: LoadedService,
  { status, body }: { readonly status: number; readonly body: string },
): Verdict & { readonly number?: number } {
  if (status !== 200) return { problem: `status ${status}` }
  const { model, stamps, version, label } = JSON.parse(body) as Told
  const number = model?.number ?? version ?? undefined
  if (number === undefined) return { problem: 'no version' }
  const told = stamps === undefined ? [label] : [stamps.weights, stamps.vocabulary]
  const right = expected[(number - 1) % expected.length]
  return told.every((one) => one === right) ? { number } : { number, problem: 'mixed versions' }
}

if (import.meta.main) {
  answerParent(JSON.parse(process.argv[2] ?? '[]') as readonly LoadedService[])
  process.on('disconnect', () => process.exit())
}
