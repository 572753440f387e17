import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { digestOf } from '../src/core/index.ts'
import { startDockerRegistry } from '../test/doubles/docker-registry.ts'
import { freePort } from '../test/fixtures/loopback-server.ts'
import { type Bench, runBench } from './bench.ts'
import { median, parseSize, rounded, run, settle, timed, withDirectory, writeRandomFile } from './harness.ts'
import { turns } from './race.ts'
import { end, pidOf, startBallastRegistry } from './registry.ts'

const bench: Bench<'size' | 'pulls' | 'slow' | 'runs'> = {
  title: 'The registry beside docker-registry and nginx',
  method:
    'One layer, read from the cache of the file system over loopback by curl: by one client (the median of five), by many at ' +
    'once, and by one while others take 64 KB/s each. The many take 50 GB from each server in each run, so all of it takes some ' +
    'minutes. Memory is the most that was resident in the server (all its processes) at the end. ' +
    'nginx serves the same file by sendfile.',
  parameters: {
    size: { fallback: '256MiB', what: 'of the layer' },
    pulls: { fallback: '200', what: 'clients at once' },
    slow: { fallback: '50', what: 'clients that take 64 KB/s each' },
    runs: { fallback: '3', what: 'of which the median is shown' },
  },
  needs: ['docker-registry', 'nginx', 'curl'],
  measure: ({ size, pulls, slow, runs }) =>
    withDirectory(async (directory) => {
      const blob = join(directory, 'blob')
      await writeRandomFile(blob, { size: parseSize(size), seed: 1 })
      const bytes = await readFile(blob)
      const servers = [
        await startBallast(directory, bytes),
        await startDistribution(bytes),
        await startNginx(directory, bytes),
      ]
      try {
        await settle(directory)
        const byName = new Map(servers.map((server) => [server.name, server]))
        const load = { bytes: bytes.length, pulls: Number(pulls), slow: Number(slow) }
        const measured = await turns([...byName.keys()], {
          runs: Number(runs),
          measure: (name) => measureServer(byName.get(name) as Server, load),
        })
        return await summed(servers, measured, { pulls, slow })
      } finally {
        for (const server of servers) await server.close()
      }
    }),
}

/** In MB/s of 10^6 bytes. */
interface Figures {
  readonly one: number
  readonly many: number
  readonly besideSlow: number
}

interface Server {
  readonly name: string
  readonly url: string
  readonly pids: () => Promise<readonly number[]>
  readonly close: () => Promise<void>
}

async function measureServer(
  { url }: Server,
  { bytes, pulls, slow }: { readonly bytes: number; readonly pulls: number; readonly slow: number },
): Promise<Figures> {
  const rate = (count: number, ms: number): number => (count * bytes) / ms / 1000
  const single = async (): Promise<number> => {
    const times: number[] = []
    for (let pulls = 0; pulls < 5; pulls++) times.push((await timed(() => pull(url, 1))).ms)
    return rate(1, median(times))
  }
  await pull(url, 1)
  const one = await single()
  const many = rate(pulls, (await timed(() => pull(url, pulls))).ms)
  const others = Array.from({ length: slow }, () => {
    const child = spawn('curl', ['-s', '-o', '/dev/null', '--limit-rate', '64k', url], { stdio: 'ignore' })
    // Of a small layer it may be over before it is waited for.
    return { child, ended: once(child, 'exit') }
  })
  // Until all of them are connected, and their buffers full.
  await sleep(1000)
  const besideSlow = await single()
  for (const { child } of others) child.kill()
  await Promise.all(others.map(({ ended }) => ended))
  return { one, many, besideSlow }
}

/** All at once, by one process; a pull that fails ends the bench. */
async function pull(url: string, count: number): Promise<void> {
  const config = Array.from({ length: count }, () => `url = "${url}"\noutput = "/dev/null"\n`).join('')
  const many = ['--parallel', '--parallel-immediate', '--parallel-max', '300']
  const child = spawn('curl', ['--silent', '--fail', ...many, '--config', '-'], {
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  child.stdin.end(config)
  const [code] = (await once(child, 'exit')) as [number]
  if (code !== 0) throw new Error(`curl ended with ${code}: ${url}`)
}

async function summed(
  servers: readonly Server[],
  measured: Readonly<Record<string, readonly Figures[]>>,
  { pulls, slow }: { readonly pulls: string; readonly slow: string },
) {
  const figure = (name: string, of: (figures: Figures) => number): number =>
    rounded(median((measured[name] ?? []).map(of)))
  const memory = new Map<string, number>()
  for (const { name, pids } of servers) memory.set(name, rounded(await peakOf(await pids())))
  const rows = servers.map(({ name }) => ({
    server: name,
    '1 client, MB/s': figure(name, ({ one }) => one),
    [`${pulls} clients, MB/s`]: figure(name, ({ many }) => many),
    [`1 client beside ${slow} slow ones, MB/s`]: figure(name, ({ besideSlow }) => besideSlow),
    'peak memory, MB': memory.get(name) ?? Number.NaN,
  }))
  const many = (name: string): number => figure(name, (figures) => figures.many)
  const lost = (name: string): number => figure(name, ({ one, besideSlow }) => one / besideSlow)
  return {
    rows,
    bounds: [
      { what: `memory with ${pulls} clients, MB`, value: memory.get('ballast') ?? Number.NaN, atMost: 250 },
      {
        what: `docker-registry with ${pulls} clients, ballast is 1`,
        value: rounded(many('docker-registry') / many('ballast')),
        atMost: 2,
      },
      {
        what: `what 1 client loses beside ${slow} slow ones, with docker-registry is 1`,
        value: rounded(lost('ballast') / lost('docker-registry')),
        atMost: 1.5,
      },
    ],
  }
}

/** In MB of 10^6 bytes. */
async function peakOf(pids: readonly number[]): Promise<number> {
  let sum = 0
  for (const pid of pids) {
    const status = await readFile(`/proc/${pid}/status`, 'utf8')
    sum += (Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) * 1024) / 1e6
  }
  return sum
}

async function startBallast(directory: string, bytes: Buffer): Promise<Server> {
  const { url, pid, close } = await startBallastRegistry(join(directory, 'store'))
  await push(url, bytes)
  return { name: 'ballast', url: blobUrl(url, bytes), pids: async () => [pid], close }
}

async function startDistribution(bytes: Buffer): Promise<Server> {
  const registry = await startDockerRegistry()
  if (registry === undefined) throw new Error('docker-registry is not installed')
  await push(`http://${registry.host}`, bytes)
  return {
    name: 'docker-registry',
    url: blobUrl(`http://${registry.host}`, bytes),
    pids: async () => [Number((await run('pgrep', ['-f', registry.directory])).stdout.split('\n')[0])],
    close: registry.close,
  }
}

async function startNginx(directory: string, bytes: Buffer): Promise<Server> {
  const root = join(directory, 'nginx')
  await mkdir(root, { mode: 0o755 })
  await writeFile(join(root, 'blob'), bytes)
  const port = await freePort()
  const config = [
    `pid ${root}/pid; error_log stderr error; worker_processes auto; user root;`,
    'events { worker_connections 1024; }',
    `http { access_log off; sendfile on; server { listen 127.0.0.1:${port}; root ${root}; } }`,
  ].join('\n')
  await writeFile(join(root, 'conf'), config)
  const child = spawn('nginx', ['-c', join(root, 'conf'), '-g', 'daemon off;'], { stdio: 'ignore' })
  const url = `http://127.0.0.1:${port}/blob`
  for (let tries = 0; (await fetch(url, { method: 'HEAD' }).catch(() => undefined)) === undefined; tries++) {
    if (tries > 100 || child.exitCode !== null) throw new Error('nginx does not answer')
    await sleep(50)
  }
  const workers = async (): Promise<readonly number[]> => {
    const { stdout } = await run('pgrep', ['-P', `${pidOf(child)}`])
    return [pidOf(child), ...stdout.trim().split('\n').map(Number)]
  }
  return { name: 'nginx', url, pids: workers, close: () => end(child) }
}

async function push(registry: string, bytes: Buffer): Promise<void> {
  const opened = await fetch(`${registry}/v2/layers/blobs/uploads/`, { method: 'POST' })
  const location = new URL(opened.headers.get('location') ?? '', registry)
  location.searchParams.set('digest', digestOf(bytes))
  const headers = { 'content-type': 'application/octet-stream' }
  const { status } = await fetch(location, { method: 'PUT', body: bytes, headers })
  if (status !== 201) throw new Error(`${registry}: the push was answered with ${status}`)
}

function blobUrl(registry: string, bytes: Buffer): string {
  return `${registry}/v2/layers/blobs/${digestOf(bytes)}`
}

await runBench(bench)
