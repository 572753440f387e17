/**
 * What machines need for each step: seconds whatever the size, and seconds a byte, on a link that does not count.
 * The steps are those that the benches time.
 */
export interface Rate {
  readonly fixed: number
  readonly perByte: number
}

export const STEPS = {
  build: 'docker build with COPY',
  push: 'docker push, which compresses',
  pullCompressed: 'docker pull and unpacking of a compressed layer',
  hash: 'hashing the new version and copying it into the store',
  upload: 'embedding: sending the new layers',
  send: 'sending the new files to the store that nodes fetch from',
  load: 'embedding into the Engine of this machine',
  pull: 'docker pull and unpacking of an uncompressed layer',
  fetch: 'fetching to a node, verified and written once',
  deliver: 'copying from the store of the node into a volume',
  attach: 'mounting',
  copy: 'plain copying of files',
} as const
export type Step = keyof typeof STEPS
export const STEP_NAMES = Object.keys(STEPS) as readonly Step[]

export type Rates = Readonly<Record<Step, Rate>>

const perGiB = (seconds: number): number => seconds / 2 ** 30

/**
 * Of one machine with two cores: Docker 20.10 (graph driver), Debian's docker-registry on loopback, 1 GiB of
 * incompressible bytes. `bench/prediction.ts` measures them again.
 */
export const REFERENCE_RATES: Rates = {
  build: { fixed: 1, perByte: perGiB(13) },
  push: { fixed: 0.5, perByte: perGiB(29) },
  pullCompressed: { fixed: 0.5, perByte: perGiB(16) },
  hash: { fixed: 0.2, perByte: perGiB(1.4) },
  upload: { fixed: 0.3, perByte: perGiB(5.5) },
  send: { fixed: 0.3, perByte: perGiB(4) },
  load: { fixed: 0.4, perByte: perGiB(11) },
  pull: { fixed: 0.5, perByte: perGiB(9.8) },
  fetch: { fixed: 0.3, perByte: perGiB(3) },
  deliver: { fixed: 0.2, perByte: perGiB(1.5) },
  attach: { fixed: 0.3, perByte: 0 },
  copy: { fixed: 0.05, perByte: perGiB(1) },
}
