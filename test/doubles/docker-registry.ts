import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../fixtures/loopback-server.ts'

/** A real registry (Debian's `docker-registry`) on loopback, over an empty directory. */
export interface DockerRegistry {
  /** `localhost:PORT` */
  readonly host: string
  /** Its storage, as `docker-registry` lays it out. */
  readonly directory: string
  /** Ends it at once, as a crash would. */
  kill(): Promise<void>
  /** Ends it and removes its directory. */
  close(): Promise<void>
}

/** Why tests with a real registry are to be skipped; undefined when they are to run, or must (`BALLAST_REQUIRE_PARTS`). */
export function dockerRegistryMissing(): string | undefined {
  if (process.env.BALLAST_REQUIRE_PARTS) return undefined
  const found = spawnSync('docker-registry', ['--version']).error === undefined
  return found ? undefined : 'docker-registry is not installed'
}

/** Undefined when it is not installed; throws instead where `BALLAST_REQUIRE_PARTS` is set. */
export async function startDockerRegistry({
  address = 'localhost',
  auth,
  tls,
  mirrorOf,
  program = 'docker-registry',
}: {
  /** Where it listens. */
  readonly address?: string
  /** The `auth` of its configuration. */
  readonly auth?: Readonly<Record<string, unknown>>
  /** Files with the key and the certificate for https. */
  readonly tls?: { readonly certificate: string; readonly key: string }
  /** Of another registry, `http://HOST`, it keeps what it is asked for, and takes nothing else. */
  readonly mirrorOf?: string
  /** Of another version: it takes the same configuration. */
  readonly program?: string
} = {}): Promise<DockerRegistry | undefined> {
  if (dockerRegistryMissing() !== undefined) return undefined
  const directory = await mkdtemp(join(tmpdir(), 'docker-registry-'))
  const host = `${address}:${await freePort(address)}`
  const config = join(directory, 'config.yml')
  const extra = Object.entries({ auth, proxy: mirrorOf && { remoteurl: mirrorOf } })
    .map(([name, value]) => (value === undefined ? '' : `${name}: ${JSON.stringify(value)}\n`))
    .join('')
  await writeFile(config, configuration({ addr: host, tls }, join(directory, 'data')) + extra)
  const child = spawn(program, ['serve', config], { stdio: 'ignore' })
  const exited = once(child, 'exit')
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL')
    await exited
  }
  await answers(host, child)
  return {
    host,
    directory,
    kill,
    async close() {
      await kill()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

function configuration(http: Readonly<Record<string, unknown>>, root: string): string {
  return [
    'version: 0.1',
    'log: { level: error }',
    `storage: { filesystem: { rootdirectory: ${JSON.stringify(root)} }, delete: { enabled: true } }`,
    `http: ${JSON.stringify(http)}`,
    '',
  ].join('\n')
}

async function answers(host: string, child: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (child.exitCode !== null) throw new Error(`docker-registry ended with ${child.exitCode}`)
    const answer = await fetch(`http://${host}/v2/`).catch(() => undefined)
    // A 401 where it asks for a login, a 400 where it wants https.
    if (answer !== undefined) return
    await sleep(50)
  }
  child.kill('SIGKILL')
  throw new Error('docker-registry does not answer')
}
