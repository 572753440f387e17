import type { Bandwidth } from '../http/index.ts'

/** Of what an option limits, as `20MB/s`; undefined where it was not given. Throws USAGE. */
export async function bandwidthOf(speed: string | undefined, option: string): Promise<Bandwidth | undefined> {
  if (speed === undefined) return undefined
  const { readUnit } = await import('../advise/index.ts')
  const { createBandwidth } = await import('../http/index.ts')
  return createBandwidth(1 / readUnit(speed, 'perByte', option).value)
}
