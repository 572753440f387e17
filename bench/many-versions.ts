import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { nameOf, writeLargeStore } from '../test/fixtures/large-store.ts'
import { type Bench, runBench } from './bench.ts'
import { ballast, median, rounded, settle, timed, withDirectory } from './harness.ts'

const LIMIT_MS = 300
/** Whose time is bounded. */
const BOUNDED = ['list', 'list NAME', 'tag']

const bench: Bench<'counts' | 'shapes' | 'runs'> = {
  title: 'Many versions in one store',
  method:
    'Whole commands on a store of so many versions, in one model whose tag has moved as often, or ten in each model; medians, the first ' +
    'run not counted, but for `gc --dry-run`, which reads every manifest, and the first list, which works out what the later ones know.',
  parameters: {
    counts: { fallback: '1000,3000,10000', what: 'versions in the store' },
    shapes: { fallback: 'one,many', what: 'one model of all, or many of ten' },
    runs: { fallback: '5', what: 'of each command' },
  },
  measure: ({ counts, shapes, runs }) =>
    withDirectory(async (directory) => {
      const stores = shapes.split(',').flatMap((shape) =>
        counts.split(',').map((count) => ({
          name: shape === 'one' ? `1 × ${count}` : `${Math.ceil(Number(count) / 10)} × 10`,
          root: join(directory, `${shape}-${count}`),
          ...(shape === 'one'
            ? { models: 1, versions: Number(count) }
            : { models: Math.ceil(Number(count) / 10), versions: 10 }),
        })),
      )
      const columns: { readonly name: string; readonly times: ReadonlyMap<string, number> }[] = []
      for (const { name, root, ...size } of stores) {
        await writeLargeStore(root, size)
        await settle(root)
        columns.push({ name, times: await measureStore(root, join(directory, 'files'), Number(runs)) })
      }
      const commands = [...(columns[0]?.times.keys() ?? [])]
      return {
        rows: commands.map((command) => ({
          'command, ms': command,
          ...Object.fromEntries(columns.map(({ name, times }) => [name, rounded(times.get(command) ?? 0)])),
        })),
        bounds: columns.flatMap(({ name, times }) =>
          BOUNDED.map((command) => ({
            what: `${command}, ${name}, ms`,
            value: rounded(times.get(command) ?? 0),
            atMost: LIMIT_MS,
          })),
        ),
      }
    }),
}

/** Milliseconds by command, in the order in which they were run. */
async function measureStore(
  store: string,
  files: string,
  runs: number,
): Promise<ReadonlyMap<string, number>> {
  const name = nameOf(1)
  await mkdir(files, { recursive: true })
  const times = new Map<string, number>()
  const measure = async (
    command: string,
    args: (run: number) => readonly string[],
    { count = runs, prepare = async (_: number): Promise<void> => undefined } = {},
  ): Promise<void> => {
    const taken: number[] = []
    for (let run = 0; run <= count; run++) {
      await prepare(run)
      const { ms } = await timed(() => ballast(store, args(run)))
      if (run > 0 || count === 0) taken.push(ms)
    }
    times.set(command, median(taken))
  }
  await measure('list, the first', () => ['list'], { count: 0 })
  await measure('list', () => ['list'])
  await measure('list NAME', () => ['list', name])
  await measure('show', () => ['show', `${name}:3`])
  await measure('tag', (run) => ['tag', `${name}:${1 + (run % 2)}`, 'latest'])
  await measure('rollback', () => ['rollback', `${name}:latest`])
  await measure('history', () => ['history', `${name}:latest`])
  await measure('add', () => ['add', name, files], {
    prepare: (run) => writeFile(join(files, 'weights.bin'), `${store} ${run}`),
  })
  await measure('mount', (run) => ['mount', `${name}:3`, join(store, `../mounted-${process.pid}-${run}`)], {
    count: Math.min(runs, 3),
  })
  await measure('history --export', () => ['history', '--export', join(files, '../heads.json')], { count: 0 })
  await measure('gc --dry-run', () => ['gc', '--dry-run'], { count: 0 })
  return times
}

await runBench(bench)
