import { isTag, objectOf, type Tag } from '../model/index.ts'

/** The predicate of a statement that says: this version may go to this stage. */
export const APPROVAL_PREDICATE = 'https://ballast.dev/approval/v1'

export interface Approval {
  readonly stage: Tag
  /** ISO 8601. */
  readonly time: string
  /** For people: who counts is who signed. */
  readonly by: string
  readonly why?: string | undefined
}

/** Undefined for anything else. */
export function decodeApproval(predicate: unknown): Approval | undefined {
  const { stage, time, by, why } = objectOf(predicate)
  if (typeof stage !== 'string' || !isTag(stage) || typeof time !== 'string' || typeof by !== 'string') {
    return undefined
  }
  return { stage, time, by, ...(typeof why === 'string' && { why }) }
}
