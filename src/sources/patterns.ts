import { BallastError } from '../core/index.ts'

/** Which files are wanted, by their paths below the source. */
export interface Patterns {
  /** Only what one of these names; everything where there are none. */
  readonly include?: readonly string[] | undefined
  /** Without what one of these names. */
  readonly exclude?: readonly string[] | undefined
}

export interface PathFilter {
  /** Whether a file of this path is wanted. */
  readonly takes: (path: string) => boolean
  /** Whether nothing at or below this path can be wanted, so that nobody need look there. */
  readonly leavesOut: (path: string) => boolean
}

/**
 * Patterns as .gitignore has them (gitignore(5)): `*` and `?` within a name, `[abc]`, `**` across directories; without a
 * slash a name at any depth, with one a path from the top; with one at the end directories only. What names a directory
 * names all below it. An exclusion wins over an inclusion. Throws USAGE for `!`, for an empty pattern and for one that is no path.
 */
export function pathFilter({ include = [], exclude = [] }: Patterns): PathFilter {
  const wanted = include.map(compile)
  const unwanted = exclude.map(compile)
  const leavesOut = (path: string): boolean => named(unwanted, path, true)
  return {
    leavesOut,
    takes: (path) => !named(unwanted, path, false) && (wanted.length === 0 || named(wanted, path, false)),
  }
}

interface Pattern {
  readonly regex: RegExp
  readonly directoriesOnly: boolean
}

/** Whether a pattern matches the path or a directory above it. */
function named(patterns: readonly Pattern[], path: string, isDirectory: boolean): boolean {
  if (patterns.length === 0) return false
  for (let end = path.indexOf('/'); end !== -1; end = path.indexOf('/', end + 1)) {
    const above = path.slice(0, end)
    if (patterns.some(({ regex }) => regex.test(above))) return true
  }
  return patterns.some(({ regex, directoriesOnly }) => (isDirectory || !directoriesOnly) && regex.test(path))
}

function compile(pattern: string): Pattern {
  if (pattern.startsWith('!')) {
    throw new BallastError('USAGE', `${JSON.stringify(pattern)}: patterns do not take exceptions`, {
      hint: 'say what is wanted with --include and what is not with --exclude',
    })
  }
  const directoriesOnly = pattern.endsWith('/')
  const body = pattern.replace(/^\.\//, '').replace(/\/+$/, '')
  const parts = body.replace(/^\//, '').split('/')
  if (parts.includes('') || parts.includes('..') || parts.includes('.')) {
    throw impossible(pattern)
  }
  const anchored = body.includes('/')
  const source = parts.map((part, at) => partSource(part, at, parts)).join('')
  try {
    return { directoriesOnly, regex: new RegExp(`^${anchored ? '' : '(?:.*/)?'}${source}$`, 's') }
  } catch (error) {
    throw impossible(pattern, error)
  }
}

function impossible(pattern: string, cause?: unknown): BallastError {
  return new BallastError('USAGE', `${JSON.stringify(pattern)} can match no file`, {
    cause,
    hint: "patterns are names ('*.tmp') or paths below the source ('logs/*.txt')",
  })
}

/** A part with the slash behind it, where there is one. */
function partSource(part: string, at: number, parts: readonly string[]): string {
  const isLast = at === parts.length - 1
  if (part === '**') return isLast ? '.+' : '(?:.*/)?'
  return `${nameSource(part)}${isLast ? '' : '/'}`
}

function nameSource(name: string): string {
  return name.replace(/\\(.)|\[(!|\^)?(\]?[^\]]*)\]|\*+|\?|./gsu, (token, escaped, not, set) => {
    if (escaped !== undefined) return quote(escaped)
    if (set !== undefined) return `(?!/)[${not === undefined ? '' : '^'}${set.replace(/[\\\]^[]/g, '\\$&')}]`
    if (token.startsWith('*')) return '[^/]*'
    return token === '?' ? '[^/]' : quote(token)
  })
}

function quote(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
}
