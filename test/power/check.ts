import assert from 'node:assert/strict'
import { join } from 'node:path'
import { run } from '../fixtures/command.ts'
import { type Files, filesOf } from '../fixtures/store-facts.ts'
import { brokenReferences, liveReferences, manifestsWithoutBlobs } from '../race/wholeness.ts'
import { differences, type Expectation, type ExpectedTarget } from './expect.ts'
import { observe } from './observe.ts'
import { storeOf } from './workload.ts'

export interface Expected {
  readonly models: readonly Expectation[]
  readonly targets: readonly ExpectedTarget[]
  /** What is added as a model of its own once all that has been looked at. */
  readonly next: string
  /** Whether `gc` goes before it. */
  readonly isCollected: boolean
}

/** What is wrong on a disk after its power was cut: asked of the command, and read without it. */
export async function problemsOn(path: string, expected: Expected): Promise<readonly string[]> {
  const store = storeOf(path)
  const problems: string[] = []
  const models = expected.models.map(({ model }) => model)
  for (const [at, found] of (await observe(store, models)).entries()) {
    problems.push(...differences(expected.models[at] as Expectation, found))
  }
  problems.push(...brokenReferences(store), ...manifestsWithoutBlobs(store, new Map()))
  problems.push(...(await complaintsOf(store, ['verify'])))
  for (const { target, files } of expected.targets) {
    if (!(await holds(join(path, target), files))) problems.push(`${target} is not what was delivered`)
  }
  if (expected.isCollected) problems.push(...(await complaintsOf(store, ['gc'])))
  problems.push(...(await complaintsOf(store, ['add', 'next:prod', expected.next])))
  const isThere = liveReferences(store).some(({ reference }) => reference === 'next:prod')
  if (!isThere) problems.push('what was added afterwards is not there')
  problems.push(...brokenReferences(store), ...manifestsWithoutBlobs(store, new Map()))
  return problems
}

async function complaintsOf(store: string, args: readonly string[]): Promise<readonly string[]> {
  const { code, stdout, stderr } = await run([...args, '--json'], { store })
  return code === 0 ? [] : [`ballast ${args.join(' ')} ended with ${code}: ${stdout}${stderr}`]
}

async function holds(directory: string, files: Files): Promise<boolean> {
  try {
    assert.deepEqual(await filesOf(directory), files)
    return true
  } catch {
    return false
  }
}
