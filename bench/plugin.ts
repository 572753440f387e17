import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type PluginEngine, startPluginEngine } from '../test/fixtures/plugin.ts'
import { type Bench, runBench } from './bench.ts'
import {
  BALLAST,
  ballast,
  median,
  parseSize,
  rounded,
  run,
  timed,
  withDirectory,
  writeRandomFile,
} from './harness.ts'

const bench: Bench<'size' | 'runs'> = {
  title: "The plugin's share of `docker run`",
  method:
    '`docker run --rm` of a tiny image with a volume of the plugin and with an empty local volume, taking turns. An Engine ' +
    '20.10 of its own with the vfs storage driver, so that no other plugin is asked.',
  parameters: {
    size: { fallback: '1GiB', what: 'the model, one file' },
    runs: { fallback: '15', what: 'of each' },
  },
  needs: ['docker', 'dockerd'],
  async measure({ size, runs }) {
    const cleanups: (() => Promise<void>)[] = []
    try {
      const engine = await startPluginEngine({
        after: (work) => void cleanups.push(work as () => Promise<void>),
      })
      return await withDirectory((directory) => compare(engine, { directory, size, runs: Number(runs) }))
    } finally {
      for (const cleanup of cleanups.reverse()) await cleanup()
    }
  },
}

async function compare(
  engine: PluginEngine,
  { directory, size, runs }: { readonly directory: string; readonly size: string; readonly runs: number },
): ReturnType<typeof bench.measure> {
  const model = join(directory, 'model')
  await mkdir(model)
  await writeRandomFile(join(model, 'weights.bin'), { size: parseSize(size), seed: 1 })
  const store = join(engine.directory, 'store')
  await ballast(store, ['add', 'sentiment:prod', model])
  const socket = join(engine.plugins, 'ballast.sock')
  const args = ['serve', '--docker-plugin', '--plugin-socket', socket, '--store', store]
  const plugin = spawn(process.execPath, [BALLAST, ...args], { stdio: ['ignore', 'pipe', 'ignore'] })
  const env = { ...process.env, DOCKER_HOST: engine.host }
  const docker = (...words: readonly string[]): Promise<unknown> => run('docker', words, { env })
  try {
    await once(plugin.stdout, 'data')
    const volumes: Readonly<Record<string, number[]>> = { 'plugin volume': [], 'empty local volume': [] }
    await docker('volume', 'create', '-d', 'ballast', '-o', 'ref=sentiment:prod', 'plugin-volume')
    await docker('volume', 'create', 'empty-local-volume')
    for (let turn = 0; turn <= runs; turn++) {
      for (const [what, times] of Object.entries(volumes)) {
        const volume = `${what.replaceAll(' ', '-')}:/app/models`
        const start = ['run', '--rm', '--network', 'none', '-v', volume, engine.image, 'true']
        const { ms } = await timed(() => docker(...start))
        // The first of each finds nothing in memory.
        if (turn > 0) times.push(ms)
      }
    }
    await docker('volume', 'rm', 'plugin-volume', 'empty-local-volume')
    const [ours = [], empty = []] = Object.values(volumes)
    return {
      rows: Object.entries(volumes).map(([what, times]) => ({
        'docker run with': what,
        'median ms': Math.round(median(times)),
        'fastest ms': Math.round(Math.min(...times)),
        'ratio to the empty volume': rounded(median(times) / median(empty)),
      })),
      bounds: [
        {
          what: 'milliseconds more than an empty volume',
          value: Math.round(median(ours) - median(empty)),
          atMost: 100,
        },
      ],
    }
  } finally {
    plugin.kill('SIGTERM')
    await once(plugin, 'exit')
  }
}

await runBench(bench)
