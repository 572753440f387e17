import { join } from 'node:path'
import { type Bench, runBench } from './bench.ts'
import { BALLAST, median, rounded, run, timed, withDirectory } from './harness.ts'

const bench: Bench<'runs'> = {
  title: 'Start of the command',
  method:
    'Whole processes of the same Node.js binary, taking turns, the first turn not counted: node with an empty program, ' +
    'the version, and the list of a store that is empty.',
  parameters: { runs: { fallback: '15', what: 'processes of each kind' } },
  measure: ({ runs }) =>
    withDirectory(async (directory) => {
      const kinds = [
        { name: 'node -e 0', args: ['-e', '0'] },
        { name: 'ballast --version', args: [BALLAST, '--version'], atMost: 1.5 },
        { name: 'ballast list', args: [BALLAST, 'list', '--store', join(directory, 'store')], atMost: 2 },
      ].map((kind) => ({ ...kind, times: [] as number[] }))
      for (let turn = 0; turn <= Number(runs); turn++) {
        for (const { args, times } of kinds) {
          const { ms } = await timed(() => run(process.execPath, args))
          if (turn > 0) times.push(ms)
        }
      }
      const base = median(kinds[0]?.times ?? [])
      const ratio = (times: readonly number[]): number => rounded(median(times) / base)
      return {
        rows: kinds.map(({ name, times }) => ({
          command: name,
          'median ms': rounded(median(times)),
          'least ms': rounded(Math.min(...times)),
          'ratio to node': ratio(times),
        })),
        bounds: kinds.flatMap(({ name, times, atMost }) =>
          atMost === undefined ? [] : [{ what: `${name} / node -e 0`, value: ratio(times), atMost }],
        ),
      }
    }),
}

await runBench(bench)
