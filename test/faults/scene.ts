import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { openStore } from '../../src/store/index.ts'
import { add } from '../../src/workflows/add.ts'
import { check } from '../../src/workflows/check.ts'
import { mount, mountFollowing } from '../../src/workflows/mount.ts'
import { remove } from '../../src/workflows/remove.ts'
import { show } from '../../src/workflows/show.ts'
import { tag } from '../../src/workflows/tag.ts'
import { verify } from '../../src/workflows/upkeep.ts'
import { writeImageLayout } from '../fixtures/image-layout.ts'
import { randomModel } from '../fixtures/store.ts'
import { filesOf, indexOf, leftoversIn, storedBlobs } from '../fixtures/store-facts.ts'
import { writeFiles } from '../fixtures/temporary.ts'
import type { Attempt, Outcome } from './attempts.ts'

/** A store with a past, mounts and an image beside it, small enough to be copied for every attempt. */
export async function makeScene(root: string): Promise<void> {
  for (const version of [1, 2, 3])
    await writeFiles(join(root, `source-${version}`), randomModel(`scene ${version}`))
  await writeFiles(join(root, 'source-gone'), randomModel('scene gone'))
  const store = await openStore(join(root, 'store'))
  for (const version of [1, 2])
    await add(store, { name: 'sentiment', sources: [join(root, `source-${version}`)] })
  for (const version of [1, 2]) await tag(store, [`sentiment:${version}`, 'prod'])
  await add(store, { name: 'gone', sources: [join(root, 'source-gone')] })
  await remove(store, 'gone', { all: true })
  await mkdir(join(root, 'mounts'))
  await mount(store, { ref: 'sentiment:1', target: join(root, 'mounts', 'pinned') })
  await mountFollowing(store, { ref: 'sentiment:1', target: join(root, 'mounts', 'following') })
  const layers = [[{ path: 'app/' }, { path: 'app/server.py', text: 'print("serving")\n' }]]
  await writeImageLayout(join(root, 'layout'), { tag: 'base', layers })
}

/** With all times, which say of blobs that they were verified. */
export async function copyScene(from: string, to: string): Promise<string> {
  await promisify(execFile)('cp', ['-a', from, to])
  return to
}

export interface Case {
  readonly name: string
  readonly args: (root: string) => readonly string[]
  /** After a success, and after the same command has been run again. */
  readonly done: (root: string) => Promise<void>
  /** After a failure: what must be as it was before. */
  readonly unchanged?: (root: string) => Promise<void>
  /** Does not succeed again where it has succeeded: what is removed is gone. */
  readonly once?: boolean
  /** Succeeds even where there is no room for anything. */
  readonly frees?: boolean
}

const storeOf = (root: string): string => join(root, 'store')
const inStore = (root: string, ...args: string[]): readonly string[] => [...args, '--store', storeOf(root)]

async function digestOf(root: string, ref: string): Promise<string> {
  return (await show(await openStore(storeOf(root)), ref)).digest
}

async function assertPoints(root: string, ref: string, to: string): Promise<void> {
  assert.equal(await digestOf(root, ref), await digestOf(root, to), `${ref} does not point to ${to}`)
}

async function assertTree(root: string, path: string, version: number): Promise<void> {
  assert.deepEqual(await filesOf(join(root, path, '.')), await filesOf(join(root, `source-${version}`)))
}

export const CASES: readonly Case[] = [
  {
    name: 'add',
    args: (root) => inStore(root, 'add', 'sentiment:prod', join(root, 'source-3')),
    done: (root) => assertPoints(root, 'sentiment:prod', 'sentiment:3'),
  },
  {
    name: 'add, first of a store',
    args: (root) => ['add', 'sentiment', join(root, 'source-3'), '--store', join(root, 'new-store')],
    async done(root) {
      const store = await openStore(join(root, 'new-store'))
      assert.equal((await show(store, 'sentiment:1')).files.length, 3)
      assert.deepEqual((await verify(store)).problems, [])
    },
  },
  {
    name: 'tag',
    args: (root) => inStore(root, 'tag', 'sentiment:1', 'prod'),
    done: (root) => assertPoints(root, 'sentiment:prod', 'sentiment:1'),
    unchanged: (root) => assertPoints(root, 'sentiment:prod', 'sentiment:2'),
  },
  {
    name: 'rollback',
    args: (root) => inStore(root, 'rollback', 'sentiment:prod'),
    done: (root) => assertPoints(root, 'sentiment:prod', 'sentiment:1'),
    unchanged: (root) => assertPoints(root, 'sentiment:prod', 'sentiment:2'),
    once: true,
    frees: true,
  },
  {
    name: 'remove',
    args: (root) => inStore(root, 'remove', 'sentiment:1'),
    done: (root) => assert.rejects(digestOf(root, 'sentiment:1'), { code: 'NOT_FOUND' }),
    unchanged: async (root) => void (await digestOf(root, 'sentiment:1')),
    once: true,
    frees: true,
  },
  {
    name: 'gc',
    args: (root) => inStore(root, 'gc'),
    async done(root) {
      assert.deepEqual((await (await openStore(storeOf(root))).gc({ dryRun: true })).removed, [])
    },
    frees: true,
  },
  {
    name: 'mount, pinned',
    args: (root) => inStore(root, 'mount', 'sentiment:2', join(root, 'mounts', 'new')),
    done: (root) => assertTree(root, 'mounts/new', 2),
  },
  {
    name: 'mount --replace',
    args: (root) => inStore(root, 'mount', 'sentiment:2', join(root, 'mounts', 'pinned'), '--replace'),
    done: (root) => assertTree(root, 'mounts/pinned', 2),
  },
  {
    name: 'mount --follow --once',
    args: (root) =>
      inStore(root, 'mount', 'sentiment:prod', join(root, 'mounts', 'following'), '--follow', '--once'),
    done: (root) => assertTree(root, 'mounts/following/sentiment', 2),
  },
  {
    name: 'embed, into a layout',
    args: (root) =>
      inStore(
        root,
        'embed',
        'sentiment:2=/app/models',
        `oci:${root}/layout:base`,
        '-t',
        `oci:${root}/layout:out`,
      ),
    async done(root) {
      const index = await indexOf(join(root, 'layout'))
      assert.deepEqual(Object.keys(index).sort(), ['base', 'out'])
      const manifest = JSON.parse(await readFile(blobIn(root, index.out ?? ''), 'utf8')) as Manifest
      for (const { digest } of [manifest.config, ...manifest.layers]) await readFile(blobIn(root, digest))
    },
  },
  {
    name: 'verify',
    args: (root) => inStore(root, 'verify'),
    done: async () => undefined,
  },
]

interface Manifest {
  readonly config: { readonly digest: string }
  readonly layers: readonly { readonly digest: string }[]
}

function blobIn(root: string, digest: string): string {
  return join(root, 'layout', 'blobs', 'sha256', digest.replace('sha256:', ''))
}

/** What holds whatever has gone wrong: nothing damaged, nothing lost, and what is mounted is whole. */
export async function assertWhole(root: string, { removed = false } = {}): Promise<void> {
  const store = await openStore(storeOf(root))
  JSON.parse(await readFile(join(store.root, 'index.json'), 'utf8'))
  assert.deepEqual((await verify(store)).problems, [])
  const versions = removed ? [2] : [1, 2]
  for (const version of versions) {
    const shown = await show(store, `sentiment:${version}`)
    const files = Object.fromEntries(
      shown.files.map(({ path, digest }) => [path, digest.replace('sha256:', '')]),
    )
    assert.deepEqual(files, await filesOf(join(root, `source-${version}`)))
  }
  for (const target of ['pinned', 'following']) {
    const [result] = await check(store, join(root, 'mounts', target), { full: true })
    assert.deepEqual([result?.faults, result?.extra], [[], []], target)
  }
  const [created] = await check(store, join(root, 'mounts', 'new'), { full: true })
  assert.ok(created?.version === undefined || created.faults.length === 0, 'a torn tree')
  JSON.parse(await readFile(join(root, 'layout', 'index.json'), 'utf8'))
}

/** After `gc` nothing half-written is left, and no blob that nothing needs. */
export async function assertNoGarbage(root: string): Promise<void> {
  const store = await openStore(storeOf(root))
  assert.deepEqual((await store.gc({ dryRun: true })).removed, [])
  assert.deepEqual(await leftoversIn(store.root), [])
  assert.ok((await storedBlobs(store.root)).size > 0)
}

const PROGRAM = fileURLToPath(new URL('attempts.ts', import.meta.url))

/** In a process of their own, which has ended when this returns. */
export async function runAttempts(attempts: readonly Attempt[]): Promise<readonly Outcome[]> {
  const child = spawn(process.execPath, [PROGRAM], { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.end(JSON.stringify(attempts))
  let text = ''
  for await (const chunk of child.stdout) text += chunk
  return JSON.parse(text) as readonly Outcome[]
}
