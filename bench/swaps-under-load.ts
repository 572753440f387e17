import { type Bench, runBench } from './bench.ts'
import { median, rounded, withDirectory } from './harness.ts'
import { runReplicaSwaps, type SwapReport } from './replica-swaps.ts'
import { pythonService, typescriptService } from './replicas.ts'
import type { Bound } from './result.ts'

const LONGEST_MS = 2000
const MOST_GROWTH_PERCENT = 5

const bench: Bench<'swaps' | 'every' | 'versions' | 'rate' | 'blocks' | 'still'> = {
  title: 'Swaps of both example services under load',
  method:
    'The services in TypeScript and in Python (scikit-learn), two containers each on a target that follows a tag, with a reload ' +
    'that is proven by both. Requests are sent when they are due, to all containers in turn, and charged from then on; times ' +
    'with and without swaps take turns. A tag moves again after a second, and once every replica answers from the version and ' +
    'Ballast has it from each. Memory is resident: medians of each quarter of the time.',
  parameters: {
    swaps: { fallback: '500', what: 'moves of each tag' },
    every: { fallback: '1000', what: 'milliseconds from one move to the next, at least' },
    versions: { fallback: '75', what: 'of each model, which take turns' },
    rate: { fallback: '500', what: 'requests a second, of both services together' },
    blocks: { fallback: '5', what: 'how often a time without swaps and one with them take turns' },
    still: { fallback: '12', what: 'seconds without swaps in each' },
  },
  needs: ['docker'],
  async measure({ swaps, every, versions, rate, blocks, still }) {
    const cleanups: (() => Promise<unknown>)[] = []
    const t = { after: (work: () => Promise<unknown>) => void cleanups.push(work) }
    try {
      return await withDirectory(async (directory) => {
        const services = [await typescriptService(t, directory), await pythonService(t, directory)]
        const plan = {
          swaps: Number(swaps),
          everyMs: Number(every),
          versions: Number(versions),
          blocks: Number(blocks),
        }
        const report = await runReplicaSwaps(t, {
          ...{ directory, services, ...plan },
          ...{ rate: Number(rate), stillSeconds: Number(still) },
        })
        process.stderr.write(`${problemsOf(report)}`)
        // Containers go before what they have mounted.
        for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
        return { rows: services.map(({ name }) => rowOf(name, report)), bounds: boundsOf(report) }
      })
    } finally {
      for (const cleanup of cleanups.reverse()) await cleanup()
    }
  },
}

function rowOf(name: string, { currentMs, still, swapping, phases, growth }: SwapReport) {
  const [before, during] = [still[name], swapping[name]]
  const moves = currentMs[name] ?? []
  const replicas = Object.entries(growth).filter(([who]) => who.startsWith(name))
  return {
    service: name,
    requests: (before?.ok ?? 0) + (during?.ok ?? 0),
    failed: failuresOf(before) + failuresOf(during),
    swaps: moves.length,
    'until all replicas answer from it, median / slowest, ms': `${Math.round(median(moves))} / ${Math.max(...moves)}`,
    'p50 / p99 / max without swaps, ms': latenciesOf(before),
    'p50 / p99 / max with them, ms': latenciesOf(during),
    'p99, ratio': rounded(ratioOf(name, { still, swapping })),
    'memory of the replicas, MiB': replicas.map(([, one]) => grown(one)).join(', '),
    'memory of ballast, MiB': grown(growth[`ballast for ${name}`]),
    'cores of the load / its latest request, ms': `${rounded(Math.max(...phases.map(({ cores }) => cores)))} / ${Math.round(Math.max(...phases.map(({ latestSendMs }) => latestSendMs)))}`,
  }
}

/** A line for each service and time with requests that failed. */
function problemsOf({ still, swapping }: SwapReport): string {
  return Object.entries({ still, swapping })
    .flatMap(([when, answers]) =>
      Object.entries(answers).map(([name, { problems }]) => ({ when, name, problems })),
    )
    .filter(({ problems }) => Object.keys(problems).length > 0)
    .map(({ when, name, problems }) => `${name}, ${when}: ${JSON.stringify(problems)}\n`)
    .join('')
}

type Latencies = SwapReport['still'][string] | undefined

function failuresOf(answers: Latencies): number {
  return answers?.failed ?? Number.NaN
}

function latenciesOf(answers: Latencies): string {
  const { p50 = Number.NaN, p99 = Number.NaN, max = Number.NaN } = answers?.latencyMs ?? {}
  return [p50, p99, max].map((ms) => ms.toFixed(1)).join(' / ')
}

function ratioOf(name: string, { still, swapping }: Pick<SwapReport, 'still' | 'swapping'>): number {
  return (swapping[name]?.latencyMs.p99 ?? Number.NaN) / (still[name]?.latencyMs.p99 ?? Number.NaN)
}

function grown(growth: SwapReport['growth'][string] | undefined): string {
  return (growth?.quarters ?? [Number.NaN]).map(Math.round).join(' ')
}

function boundsOf(report: SwapReport): readonly Bound[] {
  const { currentMs, still, swapping, growth } = report
  const names = Object.keys(currentMs)
  const failed = names.map((name) => failuresOf(still[name]) + failuresOf(swapping[name]))
  const ratios = names.map((name) => ratioOf(name, report))
  const grew = Object.values(growth).map(({ percent }) => percent)
  return [
    { what: 'failed requests and answers of mixed versions', value: Math.max(...failed), atMost: 0 },
    {
      what: 'slowest move until all replicas answer from it, ms',
      value: Math.max(...Object.values(currentMs).flat()),
      atMost: LONGEST_MS,
    },
    { what: 'p99 with swaps, ratio to without', value: rounded(Math.max(...ratios)), atMost: 2 },
    {
      what: 'memory of any process in the last quarter above its highest before, %',
      value: rounded(Math.max(...grew)),
      atMost: MOST_GROWTH_PERCENT,
    },
  ]
}

await runBench(bench)
