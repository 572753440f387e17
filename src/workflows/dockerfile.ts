import { posix } from 'node:path'

/** What a Dockerfile says of the image that it makes, which is that of its last stage. */
export interface Dockerfile {
  readonly workdir: string
  readonly copies: readonly CopyLine[]
  /** Absolute. */
  readonly volumes: readonly string[]
  readonly environment: readonly (readonly [name: string, value: string])[]
  readonly ports: readonly string[]
}

export interface CopyLine {
  /** As written, on one line. */
  readonly text: string
  /** Paths of the build context; none where another stage or image is copied from. */
  readonly sources: readonly string[]
  /** Absolute; with `/` at the end where it is written as a directory. */
  readonly target: string
}

/** Never throws: what it does not understand it leaves out, because only the builder can say what is wrong. */
export function readDockerfile(text: string): Dockerfile {
  return readSteps(logicalLines(text))
}

/** Lines as an image's history has them, too. */
export function readSteps(lines: readonly string[]): Dockerfile {
  let found: Mutable = emptyStage()
  for (const line of lines) {
    const [, instruction = '', rest = ''] = /^\s*([a-z]+)\s+(.*)$/is.exec(line) ?? []
    switch (instruction.toUpperCase()) {
      case 'FROM':
        found = emptyStage()
        break
      case 'WORKDIR':
        found.workdir = posix.resolve(found.workdir, unquoted(rest.trim()))
        break
      case 'COPY':
      case 'ADD':
        found.copies.push(...copyLine(line.trim(), { rest, workdir: found.workdir }))
        break
      case 'VOLUME':
        found.volumes.push(...wordsOf(rest).map((path) => posix.resolve(found.workdir, path)))
        break
      case 'ENV':
        found.environment.push(...pairsOf(rest))
        break
      case 'EXPOSE':
        found.ports.push(...wordsOf(rest).map((port) => port.replace(/\/tcp$/, '')))
        break
    }
  }
  return found
}

interface Mutable {
  workdir: string
  readonly copies: CopyLine[]
  readonly volumes: string[]
  readonly environment: (readonly [string, string])[]
  readonly ports: string[]
}

function emptyStage(): Mutable {
  return { workdir: '/', copies: [], volumes: [], environment: [], ports: [] }
}

/** Without comments; lines that end with a backslash go on in the next. */
function logicalLines(text: string): readonly string[] {
  return text
    .split(/\r?\n/)
    .filter((line) => !/^\s*#/.test(line))
    .join('\n')
    .replace(/\\[ \t]*\n/g, ' ')
    .split('\n')
}

function copyLine(
  text: string,
  { rest, workdir }: { readonly rest: string; readonly workdir: string },
): readonly CopyLine[] {
  const flags = /^(?:--\S+\s+)*/.exec(rest)?.[0] ?? ''
  const words = wordsOf(rest.slice(flags.length))
  const target = words.at(-1)
  if (target === undefined || words.length < 2) return []
  const isDirectory = /(?:^|\/)\.?$/.test(target)
  const resolved = posix.resolve(workdir, target)
  return [
    {
      text: text.replace(/\s+/g, ' '),
      sources: /--from=/.test(flags) ? [] : words.slice(0, -1),
      target: isDirectory && resolved !== '/' ? `${resolved}/` : resolved,
    },
  ]
}

/** `a b`, or `["a", "b"]`. */
function wordsOf(rest: string): readonly string[] {
  const text = rest.trim()
  if (text.startsWith('[')) {
    const list = jsonOf(text)
    if (Array.isArray(list)) return list.filter((word) => typeof word === 'string')
  }
  return text
    .split(/\s+/)
    .filter((word) => word !== '')
    .map(unquoted)
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** `NAME=value NAME="value"`, or `NAME value`. */
function pairsOf(rest: string): readonly (readonly [string, string])[] {
  const pairs = [...rest.matchAll(/(\w+)=("[^"]*"|'[^']*'|\S*)/g)].map(
    ([, name = '', value = '']) => [name, unquoted(value)] as const,
  )
  if (pairs.length > 0) return pairs
  const [, name, value] = /^(\w+)\s+(.*)$/.exec(rest.trim()) ?? []
  return name === undefined || value === undefined ? [] : [[name, unquoted(value)]]
}

function unquoted(text: string): string {
  return text.replace(/^(["'])(.*)\1$/, '$2')
}
