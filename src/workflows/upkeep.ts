import type { CallOptions } from '../core/index.ts'
import { parseReference } from '../model/index.ts'
import type { Problem, Store, VerifyReport } from '../store/index.ts'
import { indexIsBehind, projectTags } from './project.ts'
import { mendingHint } from './resolve.ts'

export interface MendableProblem extends Problem {
  /** What to do about it, as a sentence with a command. */
  readonly mend: string
}

export interface VerifyResult extends Omit<VerifyReport, 'problems'> {
  readonly problems: readonly MendableProblem[]
  /** Whether `index.json` had fallen behind the tags, as after a crash, and was rewritten. */
  readonly indexRewritten: boolean
  /** That it is behind still, because it cannot be written. */
  readonly warnings: readonly string[]
}

/** Everything `store.verify` does, the way out of each problem, and `index.json` brought up to date. */
export async function verify(store: Store, options: CallOptions = {}): Promise<VerifyResult> {
  const report = await store.verify(options)
  const warnings = (await store.isProjected()) ? undefined : await rewriteIndex(store)
  return {
    ...report,
    problems: await Promise.all(
      report.problems.map(async (problem) => ({ ...problem, mend: await mendingOf(store, problem) })),
    ),
    indexRewritten: warnings?.length === 0,
    warnings: warnings ?? [],
  }
}

/** Undefined where there is nothing to write, as in a store that is still to be created; else what kept it from it. */
async function rewriteIndex(store: Store): Promise<readonly string[] | undefined> {
  if ((await store.records.listNames()).length === 0) return undefined
  await using session = await store.beginReading()
  return session.writable ? await projectTags(store, session, { anew: true }) : [indexIsBehind(store)]
}

/** An image may need the blob too, but it is the model that was added from somewhere. */
async function mendingOf(store: Store, { neededBy }: Problem): Promise<string> {
  if (neededBy.length === 0) return 'nothing needs it: ballast gc removes it'
  const references = neededBy.map((needer) => parseReference(needer.split(' ')[0] ?? needer))
  for (const reference of references) {
    const versions = await store.records.listVersions(reference.name)
    if (versions.length > 0) return mendingHint(store, reference)
  }
  return 'push the image again, or remove it'
}
