export const ENVIRONMENTS = ['development', 'staging', 'production'] as const
export type Environment = (typeof ENVIRONMENTS)[number]

export const PLATFORMS = ['docker', 'podman', 'swarm', 'kubernetes', 'serverless'] as const
export type Platform = (typeof PLATFORMS)[number]

/** The factors that are no figures: plain answers, each of which forbids something or adds something to run. */
export interface Answers {
  readonly environment: Environment
  /** The model is made and the application is tried on the same machine. */
  readonly local: boolean
  readonly platform: Platform
  /** `tight`: a version of the model works with one version of the code only. */
  readonly coupling: 'loose' | 'tight'
  /** Whether those who release the code release the model too. */
  readonly team: 'same' | 'separate'
  /** Whether anything may be installed on the nodes. */
  readonly nodeAccess: boolean
  /** Nodes reach neither store nor source at run time; images are brought to them. */
  readonly offline: boolean
  /** What runs has to be one artefact that was signed or approved as a whole. */
  readonly immutable: boolean
  readonly scaleToZero: boolean
  /** The application takes a new model without a restart. */
  readonly reload: boolean
}

/** Whether nodes keep layers by digest (containerd) rather than by all that is below them (ChainID). */
export function keepsByDigest({ platform }: Answers): boolean {
  return platform === 'kubernetes' || platform === 'serverless'
}

/** Whether every container starts where nothing of its image is kept, those of a new release too. */
export function keepsNothing({ platform }: Answers): boolean {
  return platform === 'serverless'
}
