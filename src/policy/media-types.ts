/** The tags under which a registry or a layout keeps what is said of a stage, which has no other place there. */
export const POLICY_TAG = 'ballast-policy.'
export const STAGE_TAG = 'ballast-stage.'

export function isStageTag(tag: string): boolean {
  return tag.startsWith(POLICY_TAG) || tag.startsWith(STAGE_TAG)
}

/** Of manifest and layer of a policy that a registry keeps, under the tag `ballast-policy.<stage>`. */
export const POLICY_DOCUMENT = 'application/vnd.ballast.policy.v1+json'

/** The same of what a registry keeps of a stage's moves, under the tag `ballast-stage.<stage>`: no document that goes with a version. */
export const STAGE_RECORD = 'application/vnd.ballast.stage.v1+json'
