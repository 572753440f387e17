import { BallastError } from '../../core/index.ts'

export type TomlTable = { [key: string]: TomlValue }
/** Numbers and dates stay the text that they are. */
export type TomlValue = string | boolean | readonly TomlValue[] | TomlTable

/** A document in TOML 1.0, as configuration has it. Throws REFUSED, with the line, for one that cannot be understood. */
export function parseToml(text: string): TomlTable {
  const reader = createReader(text)
  const root = newTable()
  let current = root
  for (;;) {
    reader.skipLines()
    if (reader.atEnd()) return root
    if (reader.take('[[')) {
      current = appendTable(root, readKey(reader), reader)
      reader.expect(']]')
    } else if (reader.take('[')) {
      current = tableAt(root, readKey(reader), reader)
      reader.expect(']')
    } else {
      assign(current, reader)
    }
    reader.endLine()
  }
}

/** Without a prototype: a key may be called `__proto__`. */
function newTable(): TomlTable {
  return Object.create(null) as TomlTable
}

interface Reader {
  atEnd(): boolean
  /** Passes over the text where it is next. */
  take(text: string): boolean
  expect(text: string): void
  /** Passes over what the pattern, which is sticky, finds next. */
  match(pattern: RegExp): string | undefined
  skipSpace(): void
  /** Space, line ends and comments. */
  skipLines(): void
  /** Nothing but a comment may stand before the end of the line. */
  endLine(): void
  fail(why: string): never
}

function createReader(text: string): Reader {
  let at = 0
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at
    const found = pattern.exec(text)?.[0]
    at += found?.length ?? 0
    return found
  }
  const fail = (why: string): never => {
    throw new BallastError('REFUSED', `line ${text.slice(0, at).split('\n').length}: ${why}`)
  }
  const take = (wanted: string): boolean => {
    if (!text.startsWith(wanted, at)) return false
    at += wanted.length
    return true
  }
  return {
    atEnd: () => at >= text.length,
    take,
    expect(wanted) {
      match(/[ \t]*/y)
      if (!take(wanted)) fail(`${wanted} expected`)
    },
    match,
    skipSpace: () => void match(/[ \t]*/y),
    skipLines: () => void match(/(?:[ \t\r\n]|#[^\n]*)*/y),
    endLine() {
      match(/[ \t]*(?:#[^\n]*)?/y)
      if (match(/\r?\n/y) === undefined && at < text.length) fail('the line should end here')
    },
    fail,
  }
}

function readKey(reader: Reader): readonly [string, ...string[]] {
  const part = (): string => {
    reader.skipSpace()
    const bare = reader.match(/[A-Za-z0-9_-]+/y)
    const key = bare ?? (reader.match(/(?=["'])/y) === undefined ? undefined : readString(reader))
    reader.skipSpace()
    return key ?? reader.fail('a key expected')
  }
  const parts: [string, ...string[]] = [part()]
  while (reader.take('.')) parts.push(part())
  return parts
}

function assign(table: TomlTable, reader: Reader): void {
  const path = readKey(reader)
  reader.expect('=')
  const value = readValue(reader)
  const last = path.at(-1) as string
  const place = tableAt(table, path.slice(0, -1), reader)
  if (last in place) reader.fail(`${path.join('.')} is there twice`)
  place[last] = value
}

/** The table of that name, made where there is none; of an array of tables the last one. */
function tableAt(root: TomlTable, path: readonly string[], reader: Reader): TomlTable {
  let table = root
  for (const part of path) {
    table[part] ??= newTable()
    const next = table[part]
    const found = Array.isArray(next) ? next.at(-1) : next
    if (typeof found !== 'object' || Array.isArray(found)) return reader.fail(`${part} is no table`)
    table = found as TomlTable
  }
  return table
}

function appendTable(root: TomlTable, path: readonly string[], reader: Reader): TomlTable {
  const last = path.at(-1) as string
  const parent = tableAt(root, path.slice(0, -1), reader)
  const others = parent[last] ?? []
  if (!Array.isArray(others)) return reader.fail(`${path.join('.')} is no array of tables`)
  const added = newTable()
  parent[last] = [...(others as readonly TomlValue[]), added]
  return added
}

function readValue(reader: Reader): TomlValue {
  reader.skipSpace()
  if (reader.take('[')) return readArray(reader)
  if (reader.take('{')) return readInline(reader)
  if (reader.match(/(?=["'])/y) !== undefined) return readString(reader)
  const bare = reader.match(/[0-9A-Za-z+:.-][0-9A-Za-z+:._-]*/y)
  if (bare === 'true' || bare === 'false') return bare === 'true'
  // Of the words, only those for numbers.
  if (bare === undefined || !/^[+-]?(?:\d|inf$|nan$)/.test(bare)) return reader.fail('a value expected')
  return bare
}

function readArray(reader: Reader): readonly TomlValue[] {
  const values: TomlValue[] = []
  for (;;) {
    reader.skipLines()
    if (reader.take(']')) return values
    values.push(readValue(reader))
    reader.skipLines()
    if (reader.take(',')) continue
    reader.expect(']')
    return values
  }
}

function readInline(reader: Reader): TomlTable {
  const table = newTable()
  reader.skipSpace()
  if (reader.take('}')) return table
  for (;;) {
    assign(table, reader)
    reader.skipSpace()
    if (reader.take(',')) continue
    reader.expect('}')
    return table
  }
}

function readString(reader: Reader): string {
  for (const quote of ['"""', "'''"]) {
    if (!reader.take(quote)) continue
    const raw = reader.match(quote === '"""' ? /(?:\\[\s\S]|(?!""")[^\\])*/y : /(?:(?!''')[\s\S])*/y) ?? ''
    // Two quotes may stand before those that end it.
    const more = reader.match(quote === '"""' ? /"{0,2}(?=""")/y : /'{0,2}(?=''')/y) ?? ''
    reader.expect(quote)
    const body = (raw + more).replace(/^\r?\n/, '')
    return quote === '"""' ? withoutEscapes(body.replace(/\\[ \t]*\r?\n[ \t\r\n]*/g, ''), reader) : body
  }
  if (reader.take("'")) {
    const raw = reader.match(/[^'\n]*/y) ?? ''
    reader.expect("'")
    return raw
  }
  reader.expect('"')
  const raw = reader.match(/(?:\\.|[^"\\\n])*/y) ?? ''
  if (!reader.take('"')) reader.fail('a string that does not end')
  return withoutEscapes(raw, reader)
}

const ESCAPES: Readonly<Record<string, string>> = {
  b: '\b',
  t: '\t',
  n: '\n',
  f: '\f',
  r: '\r',
  '"': '"',
  '\\': '\\',
}

function withoutEscapes(raw: string, reader: Reader): string {
  return raw.replace(/\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([\s\S]))/g, (whole, four, eight, one) => {
    const code = Number.parseInt(four ?? eight ?? '', 16)
    const character =
      one === undefined ? (code <= 0x10ffff ? String.fromCodePoint(code) : undefined) : ESCAPES[one]
    return character ?? reader.fail(`${whole} means nothing`)
  })
}
