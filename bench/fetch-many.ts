import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Bench, runBench } from './bench.ts'
import { parseSize, rounded, withDirectory, writeRandomFile } from './harness.ts'
import { peakMemory } from './peak.ts'
import { copyRace } from './race.ts'
import { environmentOf, rclone, withS3Server } from './s3-server.ts'

const bench: Bench<'files' | 'size' | 'runs'> = {
  title: 'Fetching many small files from S3',
  method:
    '`ballast add` of a prefix into a new store, hashing and an fsync of each file included, against `rclone copy` with 16 transfers, ' +
    'which does neither, from versitygw (go install github.com/versity/versitygw/cmd/versitygw@v1.8.0) on this machine. Whole ' +
    'processes in changing order.',
  parameters: {
    files: { fallback: '20000', what: 'objects' },
    size: { fallback: '2KiB', what: 'of each' },
    runs: { fallback: '1', what: 'of each competitor' },
  },
  needs: ['rclone', 'versitygw'],
  measure: ({ files, size, runs }) =>
    withDirectory((directory) =>
      withS3Server(directory, async (port) => {
        const count = Number(files)
        const [each, from, to] = [parseSize(size), join(directory, 'from'), join(directory, 'to')]
        for (let at = 0; at < count; at++) {
          const below = join(from, `${Math.floor(at / 500)}`)
          if (at % 500 === 0) await mkdir(below, { recursive: true })
          await writeRandomFile(join(below, `${at}.bin`), { size: each, seed: at })
        }
        await rclone(port, ['copy', from, 'remote:models/many', '--transfers', '16'])
        await rm(from, { recursive: true })
        const add = ['add', 'm', 's3://models/many/', '--store', to, '-q']
        const copy = ['copy', 'remote:models/many', to, '--transfers', '16']
        const env = environmentOf(port)
        const peaks: number[] = []
        const race = { directory, size: count * each, runs: Number(runs) }
        const speeds = await copyRace(
          {
            ballast: async () => void peaks.push(await peakMemory(add, { directory, env })),
            rclone: () => rclone(port, copy),
          },
          race,
        )
        const perSecond = (speed: number): number => rounded((speed * 1e6) / each)
        const memory = rounded(Math.max(...peaks) / 2 ** 20)
        return {
          rows: [
            {
              files: count,
              'ballast, files/s': perSecond(speeds.ballast),
              'rclone, files/s': perSecond(speeds.rclone),
              'peak memory of ballast, MiB': memory,
            },
          ],
          bounds: [{ what: 'memory of ballast, MiB', value: memory, atMost: 400 }],
        }
      }),
    ),
}

await runBench(bench)
