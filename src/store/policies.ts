import { join } from 'node:path'
import { listIfPresent } from '../core/index.ts'
import { isTag, type RepositoryName, type Tag } from '../model/index.ts'
import { policiesPath, type StoreLayout } from './layout.ts'
import { type AppendOptions, appendRecord, type LogEntry, readHead, readLog } from './log.ts'
import type { PolicyRecord } from './record-rules.ts'
import type { Session } from './session.ts'

/** The policies of a model's stages: append-only logs, as tags are. What they mean is known to `src/policy`. */
export interface Policies {
  /** What is in force; undefined where nothing is. One look at a directory where there was never a policy. Throws DAMAGED. */
  of(name: RepositoryName, stage: Tag): Promise<PolicyRecord | undefined>
  /** Stages that have, or had, a policy; sorted. */
  listStages(name: RepositoryName): Promise<readonly Tag[]>
  /** Oldest first. */
  history(name: RepositoryName, stage: Tag): Promise<readonly LogEntry<PolicyRecord>[]>
  set(session: Session, name: RepositoryName, stage: Tag, record: PolicyRecord): Promise<void>
}

export function createPolicies(
  layout: StoreLayout,
  appending: (session: Session) => AppendOptions,
): Policies {
  const pathOf = (name: RepositoryName, stage: Tag): string => join(policiesPath(layout, name), stage)
  return {
    async of(name, stage) {
      const record = (await readHead<PolicyRecord>(pathOf(name, stage)))?.record
      return record?.policy === null ? undefined : record
    },
    listStages: async (name) => (await listIfPresent(policiesPath(layout, name))).filter(isTag).sort(),
    history: (name, stage) => readLog<PolicyRecord>(pathOf(name, stage)),
    async set(session, name, stage, record) {
      await appendRecord<PolicyRecord>(pathOf(name, stage), async () => record, appending(session))
    },
  }
}
