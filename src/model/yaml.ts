import { BallastError } from '../core/index.ts'

export interface YamlDocument {
  readonly value: unknown
  /** The line on which the value at the path stands, or the nearest one above it that is there; counted from 1. */
  readonly lineOf: (path: readonly (string | number)[]) => number
}

/** YAML 1.2, by a package that is loaded only here. Throws USAGE with `file` and the line for what is no YAML. */
export async function parseYaml(text: string, file: string): Promise<YamlDocument> {
  const { isNode, LineCounter, parseDocument } = await import('yaml')
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const [error] = document.errors
  if (error !== undefined) {
    throw new BallastError('USAGE', `${file}:${lines.linePos(error.pos[0]).line}: ${error.message}`, {
      hint: 'it has to be YAML',
    })
  }
  return {
    // Aliases of aliases grow without end; no configuration needs more than a few.
    value: toValue(() => document.toJS({ maxAliasCount: 100 }), file),
    lineOf(path) {
      for (let length = path.length; length > 0; length--) {
        const node = document.getIn(path.slice(0, length), true)
        if (isNode(node) && node.range) return lines.linePos(node.range[0]).line
      }
      return 1
    },
  }
}

function toValue(read: () => unknown, file: string): unknown {
  try {
    return read()
  } catch (error) {
    throw new BallastError('USAGE', `${file}: ${error instanceof Error ? error.message : error}`, {
      cause: error,
      hint: 'write it without so many aliases',
    })
  }
}

/** Long texts stay on one line; `no` and `22:22` are in quotes, which older readers take for something else. */
export async function formatYaml(value: unknown): Promise<string> {
  const { stringify } = await import('yaml')
  return stringify(value, { lineWidth: 0, version: '1.1' })
}
