import { parseJson } from '../../model/index.ts'

/** Of a container that a switch has made: which switch that was, and in whose place the container is. */
export const SWITCH_LABEL = 'dev.ballast.switch'

/** One that is made and not yet in its place; the one whose place it has taken, until all is well; and from then until it is removed. */
export const NEW = '.ballast-new'
export const FORMER = '.ballast-former'
export const REPLACED = '.ballast-replaced'

export interface SwitchMark {
  /** The same for all containers of one switch. */
  readonly id: string
  readonly app: string
  readonly name: string
  /** The former container's id. */
  readonly former: string
}

export function formatMark(mark: SwitchMark): string {
  return JSON.stringify(mark)
}

/** Undefined where there is none, or none that can be read. */
export function readMark(labels: Readonly<Record<string, string>>): SwitchMark | undefined {
  const { id, app, name, former } = parseJson(Buffer.from(labels[SWITCH_LABEL] ?? '')) ?? {}
  if (typeof id !== 'string' || typeof app !== 'string') return undefined
  return typeof name === 'string' && typeof former === 'string' ? { id, app, name, former } : undefined
}
