import type { OciError } from './errors.ts'

/** What a registry can do and what it cannot, where that is known of its host. Sizes in bytes. */
export interface Capabilities {
  /** For people. */
  readonly name: string
  /** No blob may be larger. */
  readonly largestBlob?: number
  /** A larger blob comes in chunks of this size, one after the other; without it in one piece. */
  readonly largestRequest?: number
  /** An upload that broke off is never gone on with: what has arrived is lost, or not known. */
  readonly forgets?: true
  /** What to do about an error of its own kind; `name` is the repository's. */
  readonly remedies?: readonly Remedy[]
}

export interface Remedy {
  readonly when: (error: OciError) => boolean
  readonly hint: (name: string) => string
}

const MIB = 1024 * 1024
const GB = 1_000_000_000

const IMMUTABLE: Remedy = {
  when: ({ code, message }) => /immutable/i.test(`${code} ${message}`),
  hint: (name) =>
    `tags of ${name} are immutable there: push under a new tag, or allow it in the settings of the repository`,
}

const ECR_REPOSITORY: Remedy = {
  when: ({ code, message }) => code === 'NAME_UNKNOWN' || /repository .* does not exist/i.test(message),
  hint: (name) =>
    `Amazon ECR makes no repository by itself: aws ecr create-repository --repository-name ${name}`,
}

const GAR_REPOSITORY: Remedy = {
  when: ({ code, message }) => code === 'NAME_UNKNOWN' || /repository .* not found/i.test(message),
  hint: (name) =>
    `the first two parts of ${name} are a project and a repository, which has to be there: ` +
    `gcloud artifacts repositories create REPOSITORY --repository-format=docker`,
}

const PROJECT: Remedy = {
  when: ({ code, message }) => code === 'NAME_UNKNOWN' || /project .* not found/i.test(message),
  hint: (name) => `the first part of ${name} is a project, which has to be there: make it, or check the name`,
}

/**
 * By the host, the first that fits. Where a figure comes from stands in docs/design.md, "Registries and logins".
 * Registries that are installed anywhere (Harbor, zot, distribution) cannot be told by their host.
 */
const KNOWN: readonly (readonly [RegExp, Capabilities])[] = [
  [/^ghcr\.io$/, { name: 'GitHub', largestBlob: 10 * GB, forgets: true, remedies: [IMMUTABLE] }],
  [
    /\.dkr\.ecr(?:-fips)?\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?$/,
    { name: 'Amazon ECR', largestBlob: 52_000 * MIB, forgets: true, remedies: [ECR_REPOSITORY, IMMUTABLE] },
  ],
  [
    /^public\.ecr\.aws$/,
    { name: 'Amazon ECR Public', largestBlob: 10_000 * MIB, forgets: true, remedies: [ECR_REPOSITORY] },
  ],
  [
    /(?:^|\.)(?:pkg\.dev|gcr\.io)$/,
    { name: 'Google Artifact Registry', forgets: true, remedies: [GAR_REPOSITORY, IMMUTABLE] },
  ],
  [/\.azurecr\.(?:io|cn|us)$/, { name: 'Azure Container Registry', forgets: true, remedies: [IMMUTABLE] }],
  [/^quay\.io$/, { name: 'Quay', largestRequest: 10 * GB, remedies: [IMMUTABLE] }],
  [/^swr\..*\.myhuaweicloud\.com$/, { name: 'Huawei SWR', largestBlob: 10 * GB }],
  [/(?:^|\.)docker\.io$/, { name: 'Docker Hub', remedies: [IMMUTABLE] }],
]

const OTHER: Capabilities = { name: 'the registry', remedies: [PROJECT, IMMUTABLE] }

/** `host` as in a reference, a port or not. */
export function capabilitiesOf(host: string): Capabilities {
  const bare = host.toLowerCase().replace(/:\d+$/, '')
  return KNOWN.find(([pattern]) => pattern.test(bare))?.[1] ?? OTHER
}

/** What the user can do about what a registry has answered, where that is known. */
export function remedyFor(host: string, name: string, errors: readonly OciError[]): string | undefined {
  const remedies = capabilitiesOf(host).remedies ?? []
  return remedies.find(({ when }) => errors.some(when))?.hint(name)
}
