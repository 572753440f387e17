import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Bench, runBench } from './bench.ts'
import { parseSize, rounded, withDirectory, writeRandomFile } from './harness.ts'
import { overBothLinks } from './links.ts'
import { peakMemory } from './peak.ts'
import { type CopyRace, copyRace } from './race.ts'
import { environmentOf, rclone, withS3Server } from './s3-server.ts'
import { besideSync } from './synced.ts'

const bench: Bench<'size' | 'runs' | 'rate' | 'latency'> = {
  title: 'Fetching a model from S3',
  method:
    '`ballast add` of a prefix of one file into a new store, hashing and fsync included, against `rclone copy` with 16 streams, ' +
    'which hashes nothing, from versitygw (go install github.com/versity/versitygw/cmd/versitygw@v1.8.0) on this machine. Whole ' +
    'processes in changing order, each until what it wrote is on the disk; beside it, how fast rclone had it in memory. Limited: through one proxy that gives each connection its rate and every round trip its latency.',
  parameters: {
    size: { fallback: '2GiB', what: 'the file' },
    runs: { fallback: '3', what: 'of each competitor' },
    rate: { fallback: '60', what: 'MB/s of each connection, where that is limited' },
    latency: { fallback: '20', what: 'ms of a round trip, where that is limited' },
  },
  needs: ['rclone', 'versitygw'],
  measure: ({ size, runs, rate, latency }) =>
    withDirectory((directory) =>
      withS3Server(directory, async (port) => {
        await writeRandomFile(join(directory, 'model.bin'), { size: parseSize(size), seed: 7 })
        await rclone(port, ['copyto', join(directory, 'model.bin'), 'remote:models/m/model.bin'])
        await rm(join(directory, 'model.bin'))
        const race = { directory, size: parseSize(size), runs: Number(runs) }
        return overBothLinks(
          { port, rate, latency },
          {
            what: 'time of ballast / that of rclone in memory',
            ratio: 'time to that in memory',
            measure: (to) => measure(to, race),
          },
        )
      }),
    ),
}

async function measure(port: number, race: CopyRace) {
  const { directory } = race
  const to = join(directory, 'to')
  const streams = ['--multi-thread-streams', '16', '--multi-thread-cutoff', '1M']
  const add = ['add', 'm', 's3://models/m/', '--store', to, '-q']
  const peaks: number[] = []
  const others = besideSync(to)
  const speeds = await copyRace(
    {
      ballast: async () => void peaks.push(await peakMemory(add, { directory, env: environmentOf(port) })),
      rclone: others.synced('rclone', () => rclone(port, ['copy', 'remote:models/m/', to, ...streams])),
    },
    race,
  )
  const inMemory = others.fastest(race.size)
  return {
    'ballast, MB/s': rounded(speeds.ballast),
    'rclone, MB/s': rounded(speeds.rclone),
    'time to that of rclone': rounded(speeds.rclone / speeds.ballast),
    'rclone, in memory, MB/s': inMemory,
    'time to that in memory': rounded(inMemory / speeds.ballast),
    'peak memory of ballast, MiB': rounded(Math.max(...peaks) / 2 ** 20),
  }
}

await runBench(bench)
