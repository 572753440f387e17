import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { AWS_ENV, createBucket } from '../test/fixtures/buckets/server.ts'
import { freePort, startLoopbackServer } from '../test/fixtures/loopback-server.ts'
import { type Bench, runBench } from './bench.ts'
import {
  BALLAST,
  median,
  parseSize,
  rotated,
  rounded,
  run,
  settle,
  timed,
  withDirectory,
  writeRandomFile,
} from './harness.ts'

const bench: Bench<'size' | 'runs' | 'rate' | 'latency'> = {
  title: 'Fetching a model from S3',
  method:
    '`ballast add` of a prefix of one file into a new store, hashing and fsync included, against `rclone copy` with 16 streams, ' +
    'which hashes nothing, from versitygw (go install github.com/versity/versitygw/cmd/versitygw@v1.8.0) on this machine. Whole ' +
    'processes in changing order. Limited: through one proxy that gives each connection its rate and every round trip its latency.',
  parameters: {
    size: { fallback: '2GiB', what: 'the file' },
    runs: { fallback: '3', what: 'of each competitor' },
    rate: { fallback: '60', what: 'MB/s of each connection, where that is limited' },
    latency: { fallback: '20', what: 'ms of a round trip, where that is limited' },
  },
  needs: ['rclone', 'versitygw'],
  measure: ({ size, runs, rate, latency }) =>
    withDirectory(async (directory) => {
      const port = await freePort()
      await mkdir(join(directory, 'served'))
      const server = await startLoopbackServer({
        command: 'versitygw',
        args: [
          '--access',
          KEY,
          '--secret',
          SECRET,
          '--port',
          `127.0.0.1:${port}`,
          'posix',
          join(directory, 'served'),
        ],
        url: `http://127.0.0.1:${port}`,
      })
      const link = spawn(process.execPath, [LINK, `${port}`, `${Number(rate) * 1e6}`, latency])
      try {
        await createBucket(`http://127.0.0.1:${port}`, { ...AWS_ENV, ...CREDENTIALS })
        await writeRandomFile(join(directory, 'model.bin'), { size: parseSize(size), seed: 7 })
        await rclone(port, ['copyto', join(directory, 'model.bin'), 'remote:models/m/model.bin'])
        await rm(join(directory, 'model.bin'))
        const rows = []
        for (const [name, to] of [
          [`${rate} MB/s and ${latency} ms each connection`, Number(await firstLine(link))],
          ['unlimited', port],
        ] as const) {
          const race = { directory, port: to, size: parseSize(size), runs: Number(runs) }
          rows.push({ link: name, ...(await measure(race)) })
        }
        return {
          rows,
          bounds: rows.map((row, at) => ({
            what: `time of ballast / that of rclone, ${row.link}`,
            value: row['time to that of rclone'],
            atMost: at === 0 ? 1.11 : 1.25,
          })),
        }
      } finally {
        link.kill('SIGKILL')
        await server.close()
      }
    }),
}

const [KEY, SECRET] = ['bench', 'bench-secret']
const CREDENTIALS = { AWS_ACCESS_KEY_ID: KEY, AWS_SECRET_ACCESS_KEY: SECRET }
const LINK = fileURLToPath(new URL('./shaped-link.ts', import.meta.url))
const PEAK = fileURLToPath(new URL('./peak-memory.cjs', import.meta.url))

interface Race {
  readonly directory: string
  readonly port: number
  readonly size: number
  readonly runs: number
}

async function measure({ directory, port, size, runs }: Race) {
  const [to, peak] = [join(directory, 'to'), join(directory, 'peak')]
  const add = ['--require', PEAK, BALLAST, 'add', 'm', 's3://models/m/', '--store', to, '-q']
  const streams = ['--multi-thread-streams', '16', '--multi-thread-cutoff', '1M']
  const competitors = [
    {
      name: 'ballast',
      start: () => run(process.execPath, add, { env: { ...environment(port), PEAK_MEMORY: peak } }),
    },
    { name: 'rclone', start: () => rclone(port, ['copy', 'remote:models/m/', to, ...streams]) },
  ] as const
  const speeds: Record<'ballast' | 'rclone', number[]> = { ballast: [], rclone: [] }
  const peaks: number[] = []
  for (let at = 0; at < runs; at++) {
    for (const { name, start } of rotated(competitors, at)) {
      await rm(to, { recursive: true, force: true })
      await settle(directory)
      const { ms } = await timed<unknown>(start)
      speeds[name].push(size / 1e3 / ms)
      if (name === 'ballast') peaks.push(Number(await readFile(peak, 'utf8')) / 1024)
    }
  }
  await rm(to, { recursive: true, force: true })
  return {
    'ballast, MB/s': rounded(median(speeds.ballast)),
    'rclone, MB/s': rounded(median(speeds.rclone)),
    'time to that of rclone': rounded(median(speeds.rclone) / median(speeds.ballast)),
    'peak memory of ballast, MiB': rounded(Math.max(...peaks)),
  }
}

function environment(port: number): NodeJS.ProcessEnv {
  return {
    ...process.env,
    ...CREDENTIALS,
    AWS_REGION: 'us-east-1',
    AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`,
  }
}

async function rclone(port: number, args: readonly string[]): Promise<void> {
  const env = {
    ...environment(port),
    // rclone 1.60 cannot use one.
    AWS_CA_BUNDLE: undefined,
    RCLONE_CONFIG: '/nonexistent',
    RCLONE_CONFIG_REMOTE_TYPE: 's3',
    RCLONE_CONFIG_REMOTE_PROVIDER: 'Other',
    RCLONE_CONFIG_REMOTE_ENV_AUTH: 'true',
    RCLONE_CONFIG_REMOTE_ENDPOINT: `http://127.0.0.1:${port}`,
  }
  await run('rclone', [...args], { env })
}

async function firstLine({ stdout }: ChildProcess): Promise<string> {
  for await (const chunk of stdout ?? []) return `${chunk}`.trim()
  throw new Error('it ended')
}

await runBench(bench)
