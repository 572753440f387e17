import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { BallastError, isDigest, readIfPresent, writeFileDurably } from '../../core/index.ts'
import { type Marker, objectOf, parseJson } from '../../model/index.ts'
import type { VolumeOptions } from './options.ts'

/** How often one identifier has mounted and not unmounted, and since when (milliseconds since the epoch). */
export interface User {
  readonly count: number
  readonly since: number
}

/** What a volume's containers have, or had the last time. `tree` is empty for a volume that follows. */
export interface Served {
  readonly tree: string
  readonly marker: Marker
}

export interface Volume {
  readonly name: string
  readonly options: VolumeOptions
  /** ISO 8601 */
  readonly created: string
  /** By the identifiers that the Engine gives. */
  users: ReadonlyMap<string, User>
  served: Served | undefined
}

/** Podman's one identifier for all volumes and containers (libpod, volume_internal_linux.go): it counts itself. */
const PODMAN_ID = '2f73349cfc4630255319c6c8dfc1b46a8996ace9d14d8e07563b165915918ec2'

export function isPodman(id: string): boolean {
  return id === PODMAN_ID
}

const STATE = 'state.json'
const VERSION = 1

/**
 * The volumes of a plugin, as they were left. After a reboot nobody uses any of them. Throws DAMAGED for a file that
 * cannot be understood: to begin without it would make Docker forget its volumes.
 */
export async function readVolumes(directory: string): Promise<Map<string, Volume>> {
  const path = join(directory, STATE)
  const bytes = await readIfPresent(path)
  if (bytes === undefined) return new Map()
  const parsed = parseJson(bytes)
  const isSameBoot = parsed?.boot === bootId()
  const volumes = Object.entries(objectOf(parsed?.volumes)).map(([name, value]) => decodeVolume(name, value))
  if (parsed?.version !== VERSION || volumes.includes(undefined)) {
    throw new BallastError('DAMAGED', `${path} cannot be read`, {
      hint: 'restore it, or move it away and create the volumes anew with docker volume create',
    })
  }
  const found = volumes as Volume[]
  if (!isSameBoot) for (const volume of found) volume.users = new Map()
  return new Map(found.map((volume) => [volume.name, volume]))
}

/** Durable when it returns; a kill leaves the former state or this one. */
export async function writeVolumes(directory: string, volumes: Iterable<Volume>): Promise<void> {
  const encoded = [...volumes].map(({ name, users, ...volume }) => [
    name,
    { ...volume, users: Object.fromEntries(users) },
  ])
  const state = { version: VERSION, boot: bootId(), volumes: Object.fromEntries(encoded) }
  await writeFileDurably(join(directory, STATE), `${JSON.stringify(state, undefined, 2)}\n`, { mode: 0o600 })
}

function decodeVolume(name: string, value: unknown): Volume | undefined {
  const { options, created, users, served } = objectOf(value)
  const { ref, follow, rw } = objectOf(options)
  if (typeof ref !== 'string' || typeof follow !== 'boolean' || typeof rw !== 'boolean') return undefined
  if (typeof created !== 'string') return undefined
  const known = Object.entries(objectOf(users)).map(([id, user]) => [id, decodeUser(user)] as const)
  if (known.some(([, user]) => user === undefined)) return undefined
  const what = served === undefined ? undefined : decodeServed(served)
  if (served !== undefined && what === undefined) return undefined
  return {
    name,
    options: { ref, follow, rw },
    created,
    users: new Map(known as [string, User][]),
    served: what,
  }
}

function decodeUser(value: unknown): User | undefined {
  const { count, since } = objectOf(value)
  return typeof count === 'number' && typeof since === 'number' ? { count, since } : undefined
}

function decodeServed(value: unknown): Served | undefined {
  const { tree, marker } = objectOf(value)
  const { model, digest, number, reference } = objectOf(marker)
  if (typeof tree !== 'string' || tree.includes('/')) return undefined
  if (typeof model !== 'string' || typeof digest !== 'string' || !isDigest(digest)) return undefined
  if (typeof number !== 'number' || typeof reference !== 'string') return undefined
  return { tree, marker: { model, digest, number, reference } }
}

function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
}
