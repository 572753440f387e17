import assert from 'node:assert/strict'
import { type Ran, type RunOptions, run } from '../fixtures/command.ts'
import { indexOf, leftoversIn, neededBlobs, storedBlobs } from '../fixtures/store-facts.ts'
import { letTimePass } from './world.ts'

interface Listed {
  readonly ref: string
  readonly digest: string
  readonly tags: readonly string[]
  readonly files: number
}

export interface SoundOptions {
  /** A tag that is moved to a version while that is removed may lead to one without a number, which no list shows. */
  readonly isBesideRemoval?: boolean
}

/** What holds after `verify`, which brings the index up to the tags: every tag leads somewhere, the index agrees. */
export async function assertSound(
  store: string,
  { isBesideRemoval = false }: SoundOptions = {},
): Promise<void> {
  const listed = JSON.parse((await assertRuns(['list', '--json'], { store })).stdout) as Listed[]
  const expected: Record<string, string> = {}
  for (const { ref, digest, tags, files } of listed) {
    assert.ok(files > 0, `${ref} cannot be read`)
    const name = ref.replace(/:\d+$/, '')
    for (const reference of [ref, ...tags.map((tag) => `${name}:${tag}`)]) expected[reference] = digest
  }
  const index = await indexOf(store)
  for (const [reference, digest] of Object.entries(index)) {
    if (!isBesideRemoval || reference in expected || /:\d+$/.test(reference)) continue
    const shown = JSON.parse((await assertRuns(['show', reference, '--json'], { store })).stdout) as Listed
    expected[reference] = shown.digest
    assert.equal(shown.digest, digest)
  }
  assert.deepEqual(sorted(index), sorted(expected))
  const tagged = listed.flatMap(({ ref, tags }) => tags.map((tag) => `${ref.replace(/:\d+$/, '')}:${tag}`))
  const [some] = tagged
  if (some !== undefined) {
    const shown = JSON.parse((await assertRuns(['show', some, '--json'], { store })).stdout) as Listed
    assert.equal(shown.digest, expected[some])
  }
}

/** After `gc`: nothing but what is needed, and nothing half-written. */
export async function assertNoGarbage(store: string, options: SoundOptions = {}): Promise<void> {
  await letTimePass(store)
  await assertRuns(['gc'], { store })
  assert.deepEqual(await leftoversIn(store), [], 'gc leaves what was half-written')
  const needed = await neededBlobs(store)
  assert.deepEqual([...(await storedBlobs(store))].sort(), [...needed].sort())
  await Promise.all([assertRuns(['verify'], { store }), assertSound(store, options)])
}

export async function assertRuns(args: readonly string[], options: RunOptions): Promise<Ran> {
  const ran = await run(args, options)
  assert.equal(ran.code, 0, `ballast ${args.join(' ')}: ${ran.stdout}${ran.stderr}`)
  return ran
}

function sorted(record: Readonly<Record<string, string>>): readonly (readonly [string, string])[] {
  return Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1))
}
