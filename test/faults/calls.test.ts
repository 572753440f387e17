import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { createRandom, type Random } from '../fixtures/random.ts'
import { leftoversIn } from '../fixtures/store-facts.ts'
import { temporaryDirectory } from '../fixtures/temporary.ts'
import type { Outcome } from './attempts.ts'
import type { Code, Fault } from './inject.ts'
import { assertNoGarbage, assertWhole, CASES, type Case, copyScene, makeScene, runAttempts } from './scene.ts'

const SEED = process.env.BALLAST_SEED ?? randomBytes(4).toString('hex')
/** A failure at every call; else at some of them, which the seed chooses. */
const EVERY_CALL = process.env.BALLAST_FAULTS === 'all'
const SOME = 3
const ONLY = process.env.BALLAST_FAULTS_ONLY ?? ''

const KINDS: readonly Omit<Fault, 'at'>[] = [
  { code: 'ENOSPC', lasting: true },
  { code: 'ENOSPC', lasting: false },
  { code: 'EROFS', lasting: true },
  { code: 'EACCES', lasting: false },
  { code: 'EIO', lasting: false },
]

for (const verb of CASES.filter(({ name }) => name.startsWith(ONLY))) {
  test(`${verb.name}: whichever call fails, it says so or succeeds, and nothing is lost`, async (t) => {
    t.diagnostic(`seed ${SEED}`)
    const directory = await temporaryDirectory(t)
    const template = join(directory, 'template')
    await makeScene(template)
    const random = createRandom(`${SEED} ${verb.name}`)
    const counts = await runAttempts(
      await Promise.all(
        KINDS.map(async (kind, at) => {
          const root = await copyScene(template, join(directory, `count-${at}`))
          return { root, args: verb.args(root), fault: { ...kind, at: 0 } }
        }),
      ),
    )
    const faults = KINDS.flatMap((kind, at) =>
      choose(counts[at]?.calls ?? 0, random).map((n) => ({ ...kind, at: n })),
    )
    t.diagnostic(`${faults.length} failures of up to ${Math.max(...counts.map(({ calls }) => calls))} calls`)
    for (let first = 0; first < faults.length; first += TOGETHER) {
      const runs: Run[] = []
      for (const [at, fault] of faults.slice(first, first + TOGETHER).entries()) {
        runs.push({ fault, root: await copyScene(template, join(directory, `run-${first + at}`)) })
      }
      await attempt(verb, runs)
      for (const { root } of runs) await rm(root, { recursive: true })
    }
  })
}

/** As many as one process tries. */
const TOGETHER = 60

interface Run {
  readonly root: string
  readonly fault: Fault
}

async function attempt(verb: Case, runs: readonly Run[]): Promise<void> {
  const removed = verb.name === 'remove'
  const look = async (step: Step, { root, fault }: Run, outcome: Outcome): Promise<void> => {
    try {
      await step(root, outcome, fault)
      await assertWhole(root, { removed })
    } catch (error) {
      const where = `${fault.code}${fault.lasting ? ' from' : ' at'} call ${fault.at}`
      throw new Error(`${where}: exit ${outcome.code}: ${outcome.text}${(error as Error).message}`, {
        cause: error,
      })
    }
  }
  const outcomes = await runAttempts(runs.map(({ root, fault }) => ({ root, args: verb.args(root), fault })))
  for (const [at, run] of runs.entries()) {
    await look(
      async (root, outcome, { code }) => {
        assertExplained(outcome, { verb, code, root })
        if (outcome.code === 0) await verb.done(root)
        else if (!isUncertain(outcome)) await verb.unchanged?.(root)
      },
      run,
      outcomes[at] as Outcome,
    )
  }
  const repeated = runs.filter((_, at) => {
    const outcome = outcomes[at] as Outcome
    return verb.once !== true || (outcome.code !== 0 && !isUncertain(outcome))
  })
  const again = await runAttempts(repeated.map(({ root }) => ({ root, args: verb.args(root) })))
  for (const [at, run] of repeated.entries()) {
    await look(
      async (root, { code }) => {
        assert.equal(code, 0, 'it does not succeed when it is run again')
        await verb.done(root)
      },
      run,
      again[at] as Outcome,
    )
  }
  const collected = await runAttempts(
    runs.map(({ root }) => ({ root, args: ['gc', '--store', join(root, 'store')] })),
  )
  for (const [at, run] of runs.entries()) {
    await look(
      async (root, { code }) => {
        assert.equal(code, 0, 'gc fails afterwards')
        await assertNoGarbage(root)
        for (const place of ['mounts', 'layout'])
          assert.deepEqual(await leftoversIn(join(root, place)), [], place)
      },
      run,
      collected[at] as Outcome,
    )
  }
}

type Step = (root: string, outcome: Outcome, fault: Fault) => Promise<void>

/** The change is there, but may be lost with the power. */
function isUncertain({ text }: Outcome): boolean {
  return text.includes('did not confirm')
}

function choose(calls: number, random: Random): readonly number[] {
  const all = Array.from({ length: calls }, (_, at) => at + 1)
  if (EVERY_CALL || calls <= SOME) return all
  return Array.from({ length: SOME }, (_, at) => 1 + Math.floor(((at + random.next()) * calls) / SOME))
}

/** Success, or a failure of the disk that says which of its places and what to do. */
function assertExplained(
  { code, text }: Pick<Outcome, 'code' | 'text'>,
  { verb, code: fault, root }: { readonly verb: Case; readonly code: Code; readonly root: string },
): void {
  if (code === 0) return
  if (verb.name === 'verify' && fault === 'EIO' && code === 4) return
  assert.equal(code, 7)
  assert.match(text, /^ballast: /m)
  assert.ok(text.includes(root), 'no place is named')
  assert.match(text, new RegExp(fault))
  assert.match(text, /^ {2}\S/m, 'nothing is said of what to do')
}
