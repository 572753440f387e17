/** Of manifest and layer of a policy that a registry keeps, under the tag `ballast-policy.<stage>`. */
export const POLICY_DOCUMENT = 'application/vnd.ballast.policy.v1+json'

/** The same of what a registry keeps of a stage's moves, under the tag `ballast-stage.<stage>`: no document that goes with a version. */
export const STAGE_RECORD = 'application/vnd.ballast.stage.v1+json'
