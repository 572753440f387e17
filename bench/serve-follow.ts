import { randomBytes } from 'node:crypto'
import { followThroughTrouble } from '../test/race/following.ts'
import { type Bench, runBench } from './bench.ts'
import { parseSize, withDirectory } from './harness.ts'

const bench: Bench<'targets' | 'tags' | 'moves' | 'outages' | 'kills' | 'size' | 'budget' | 'seed'> = {
  title: 'Targets kept up through moves, outages and kills',
  method:
    '`ballast serve --follow` over a store of its own keeps directories up with tags of a registry, which is asked every ' +
    '250 ms. Tags are moved at random among eight versions of three files, the registry is stopped for 1.5 s, the process is ' +
    'killed with SIGKILL and started again; readers read every target all the time, and what store and targets take is ' +
    'weighed every 100 ms. It fails where a target does not end on the version of its tag.',
  parameters: {
    targets: { fallback: '20', what: 'directories' },
    tags: { fallback: '5', what: 'tags that they follow' },
    moves: { fallback: '200', what: 'moves of tags' },
    outages: { fallback: '10', what: 'times that the registry is out of reach' },
    kills: { fallback: '10', what: 'times that the process is killed' },
    size: { fallback: '1MiB', what: 'of one version' },
    budget: { fallback: '36', what: 'what store and targets may take, in versions' },
    seed: { fallback: '', what: 'of the random moves; another one each time by default' },
  },
  measure: ({ size, seed, ...counts }) =>
    withDirectory(async (directory) => {
      const numbers = Object.fromEntries(Object.entries(counts).map(([name, text]) => [name, Number(text)]))
      const { targets, tags, moves, outages, kills, budget } = numbers as Record<keyof typeof counts, number>
      const used = seed === '' ? randomBytes(4).toString('hex') : seed
      const report = await followThroughTrouble({
        ...{ directory, seed: used, size: parseSize(size) },
        ...{ targets, tags, moves, outages, kills, budget },
      })
      return {
        rows: [
          {
            ...{ targets, tags, moves, outages, kills },
            swaps: report.swaps,
            reads: report.reads,
            'torn reads': report.torn.length,
            'most on disk, MiB': Math.round(report.mostDisk / 2 ** 20),
            'budget, MiB': Math.round(report.budget / 2 ** 20),
            'settled after, ms': report.settledMs,
            seed: used,
          },
        ],
        bounds: [
          { what: 'torn reads', value: report.torn.length, atMost: 0 },
          { what: 'bytes on disk', value: report.mostDisk, atMost: report.budget },
        ],
      }
    }),
}

await runBench(bench)
