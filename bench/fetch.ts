import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
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
  title: 'Fetching a model by HTTP',
  method:
    '`ballast add` of one file at an address into a new store, hashing and fsync included, against `aria2c -x16 -s16` ' +
    'and `rclone copy` with 16 streams, which hash nothing, from `rclone serve http` on this machine. Whole processes in ' +
    'changing order. Limited: through one proxy that gives each connection its rate and every round trip its latency.',
  parameters: {
    size: { fallback: '2GiB', what: 'the file' },
    runs: { fallback: '3', what: 'of each competitor' },
    rate: { fallback: '60', what: 'MB/s of each connection, where that is limited' },
    latency: { fallback: '20', what: 'ms of a round trip, where that is limited' },
  },
  needs: ['aria2c', 'rclone'],
  measure: ({ size, runs, rate, latency }) =>
    withDirectory(async (directory) => {
      const served = join(directory, 'served')
      await mkdir(served)
      await writeRandomFile(join(served, 'model.bin'), { size: parseSize(size), seed: 7 })
      // Into the cache; not through this process, whose memory would count as that of its children.
      await run('cp', [join(served, 'model.bin'), '/dev/null'])
      const port = await freePort()
      const server = start('rclone', [
        'serve',
        'http',
        served,
        '--addr',
        `127.0.0.1:${port}`,
        '--vfs-cache-mode',
        'off',
      ])
      const shaped = start(process.execPath, [LINK, `${port}`, `${Number(rate) * 1e6}`, latency])
      const link = Number(await firstLine(shaped))
      try {
        const rows = []
        for (const [name, to] of [
          [`${rate} MB/s and ${latency} ms each connection`, link],
          ['unlimited', port],
        ] as const) {
          rows.push({
            link: name,
            ...(await race({ directory, port: to, size: parseSize(size), runs: Number(runs) })),
          })
        }
        return {
          rows,
          bounds: rows.map((row, at) => ({
            what: `time of ballast / that of the faster other, ${row.link}`,
            value: row['time to that of the faster'],
            atMost: at === 0 ? 1.11 : 1.25,
          })),
        }
      } finally {
        for (const child of [server, shaped]) child.kill('SIGKILL')
      }
    }),
}

const LINK = fileURLToPath(new URL('./shaped-link.ts', import.meta.url))

interface Race {
  readonly directory: string
  readonly port: number
  readonly size: number
  readonly runs: number
}

async function race({ directory, port, size, runs }: Race) {
  const url = `http://127.0.0.1:${port}`
  const peak = join(directory, 'peak')
  const to = join(directory, 'to')
  const competitors = [
    {
      name: 'ballast',
      args: [
        process.execPath,
        '--require',
        PEAK,
        BALLAST,
        'add',
        'm',
        `${url}/model.bin`,
        '--store',
        to,
        '-q',
      ],
    },
    {
      name: 'aria2c',
      args: ['aria2c', '-q', '-x16', '-s16', '-k1M', '--file-allocation=none', '-d', to, `${url}/model.bin`],
    },
    {
      name: 'rclone',
      args: [
        ...['rclone', 'copy', ':http:model.bin', to, '--http-url', url],
        ...['--multi-thread-streams', '16', '--multi-thread-cutoff', '1M'],
      ],
    },
  ] as const
  const speeds: Record<(typeof competitors)[number]['name'], number[]> = {
    ballast: [],
    aria2c: [],
    rclone: [],
  }
  const peaks: number[] = []
  for (let at = 0; at < runs; at++) {
    for (const { name, args } of rotated(competitors, at)) {
      await rm(to, { recursive: true, force: true })
      await settle(directory)
      const [program, ...rest] = args
      const { ms } = await timed(() => run(program, rest, { env: { ...process.env, PEAK_MEMORY: peak } }))
      speeds[name].push(size / 1e3 / ms)
      if (name === 'ballast') peaks.push(Number(await readFile(peak, 'utf8')) / 1024)
    }
  }
  await rm(to, { recursive: true, force: true })
  const own = median(speeds.ballast)
  return {
    'ballast, MB/s': rounded(own),
    'aria2c -x16, MB/s': rounded(median(speeds.aria2c)),
    'rclone, MB/s': rounded(median(speeds.rclone)),
    'time to that of the faster': rounded(Math.max(median(speeds.aria2c), median(speeds.rclone)) / own),
    'peak memory of ballast, MiB': rounded(Math.max(...peaks)),
  }
}

const PEAK = fileURLToPath(new URL('./peak-memory.cjs', import.meta.url))

function start(program: string, args: readonly string[]): ChildProcess {
  return spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'] })
}

async function firstLine({ stdout }: ChildProcess): Promise<string> {
  for await (const chunk of stdout ?? []) return `${chunk}`.trim()
  throw new Error('it ended')
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  // Time for the system to give it up.
  await sleep(50)
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

await runBench(bench)
