import { BallastError } from '../core/index.ts'
import type { Strategy } from './app-file.ts'

export interface StrategyEdit {
  readonly app: string
  readonly environment: string
  readonly strategy: Strategy
}

/**
 * The text of `ballast.yaml` with another strategy, every other character as it was; undefined where it names none for the
 * environment. Throws REFUSED where the value is not written there itself.
 */
export async function editStrategy(text: string, edit: StrategyEdit): Promise<string | undefined> {
  const { isScalar, parseDocument } = await import('yaml')
  const document = parseDocument(text)
  const node = document.getIn(['apps', edit.app, 'strategy', edit.environment], true)
  if (node === undefined) return undefined
  if (!isScalar(node) || !node.range) {
    throw new BallastError(
      'REFUSED',
      `apps.${edit.app}.strategy.${edit.environment} is written in another place of the file`,
      { hint: `write it by hand: ${edit.environment}: ${edit.strategy}` },
    )
  }
  const [start, end] = node.range
  return `${text.slice(0, start)}${edit.strategy}${text.slice(end)}`
}
