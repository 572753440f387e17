import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort, startLoopbackServer } from '../test/fixtures/loopback-server.ts'
import { type Bench, runBench } from './bench.ts'
import { parseSize, rounded, run, withDirectory, writeRandomFile } from './harness.ts'
import { overBothLinks } from './links.ts'
import { peakMemory } from './peak.ts'
import { type CopyRace, copyRace } from './race.ts'
import { besideSync } from './synced.ts'

const bench: Bench<'size' | 'runs' | 'rate' | 'latency'> = {
  title: 'Fetching a model by HTTP',
  method:
    '`ballast add` of one file at an address into a new store, hashing and fsync included, against `aria2c -x16 -s16` ' +
    'and `rclone copy` with 16 streams, which hash nothing, from `rclone serve http` on this machine. Whole processes in ' +
    'changing order, each until what it wrote is on the disk; beside it, how fast the faster other had it in memory ' +
    '(BENCH_DIRECTORY=/dev/shm leaves the disk out for all), and how fast the processors of this machine could do what the thriftiest ' +
    'other and the server did, and SHA-256 beside it, without a gap. Limited: through one proxy that gives each connection its rate and every round trip its latency.',
  parameters: {
    size: { fallback: '2GiB', what: 'the file' },
    runs: { fallback: '3', what: 'of each competitor' },
    rate: { fallback: '60', what: 'MB/s of each connection, where that is limited' },
    latency: { fallback: '20', what: 'ms of a round trip, where that is limited' },
  },
  needs: ['aria2c', 'rclone', 'openssl'],
  measure: ({ size, runs, rate, latency }) =>
    withDirectory(async (directory) => {
      const served = join(directory, 'served')
      await mkdir(served)
      await writeRandomFile(join(served, 'model.bin'), { size: parseSize(size), seed: 7 })
      const port = await freePort()
      const server = await startLoopbackServer({
        command: 'rclone',
        args: ['serve', 'http', served, '--addr', `127.0.0.1:${port}`, '--vfs-cache-mode', 'off'],
        url: `http://127.0.0.1:${port}`,
      })
      try {
        const race = { directory, size: parseSize(size), runs: Number(runs) }
        const file = join(served, 'model.bin')
        return await overBothLinks(
          { port, rate, latency },
          {
            what: 'time of ballast / that of the faster other in memory',
            ratio: 'time to that in memory',
            measure: (to) => measure(to, race, file),
          },
        )
      } finally {
        await server.close()
      }
    }),
}

async function measure(port: number, race: CopyRace, file: string) {
  const { directory } = race
  const url = `http://127.0.0.1:${port}`
  const to = join(directory, 'to')
  const add = ['add', 'm', `${url}/model.bin`, '--store', to, '-q']
  const segments = ['-x16', '-s16', '-k1M', '--file-allocation=none']
  const streams = ['--multi-thread-streams', '16', '--multi-thread-cutoff', '1M']
  const peaks: number[] = []
  const others = besideSync(to)
  const speeds = await copyRace(
    {
      ballast: async () => void peaks.push(await peakMemory(add, { directory })),
      aria2c: others.synced('aria2c', () => run('aria2c', ['-q', ...segments, '-d', to, `${url}/model.bin`])),
      rclone: others.synced('rclone', () =>
        run('rclone', ['copy', ':http:model.bin', to, '--http-url', url, ...streams]),
      ),
    },
    race,
  )
  const inMemory = others.fastest(race.size)
  return {
    'ballast, MB/s': rounded(speeds.ballast),
    'aria2c -x16, MB/s': rounded(speeds.aria2c),
    'rclone, MB/s': rounded(speeds.rclone),
    'time to that of the faster': rounded(Math.max(speeds.aria2c, speeds.rclone) / speeds.ballast),
    'the faster, in memory, MB/s': inMemory,
    'time to that in memory': rounded(inMemory / speeds.ballast),
    'most that the processors allow with SHA-256, MB/s': await others.mostWithHashing(file, race.size),
    'peak memory of ballast, MiB': rounded(Math.max(...peaks) / 2 ** 20),
  }
}

await runBench(bench)
