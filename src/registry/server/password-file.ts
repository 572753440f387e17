import { createHmac, randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { BallastError, createQueue, explainSystemError } from '../../core/index.ts'
import { isBcryptOf } from './bcrypt.ts'
import type { User, Users } from './users.ts'

/** 2^14 rounds on 16 MiB: some tens of milliseconds for whoever guesses, once for whoever knows (RFC 7914). */
const COST = { ln: 14, r: 8, p: 1 }
/** In bytes. What a file may ask for at most, so that it cannot stop the registry. */
const MOST_MEMORY = 1024 ** 3
const SALT_LENGTH = 16
const KEY_LENGTH = 32

interface Entry {
  readonly user: User
  readonly isIts: (password: string) => Promise<boolean>
}

interface Scrypt {
  readonly cost: typeof COST
  readonly salt: Buffer
  readonly key: Buffer
}

/** What a password file has instead of the password: `$scrypt$ln=14,r=8,p=1$SALT$KEY`, both in base64 without padding. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_LENGTH)
  const key = await derive(password, { cost: COST, salt, length: KEY_LENGTH })
  const { ln, r, p } = COST
  return `$scrypt$ln=${ln},r=${r},p=${p}$${unpadded(salt)}$${unpadded(key)}`
}

/**
 * Users of a file with `USER:HASH` in each line, and `USER:HASH:pull` for one who may only read; `#` begins a comment. Hashes
 * are of scrypt, as `hashPassword` makes them, or of bcrypt, as `htpasswd -B` does.
 * The file is read again when it changes; a change that cannot be read keeps everybody out. Throws USAGE for a line that
 * is none of these, DISK.
 */
export async function openPasswordFile(path: string): Promise<Users> {
  let known = await load(path)
  const secret = randomBytes(32)
  // One at a time: whoever guesses must not occupy the threads that read blobs.
  const enqueue = createQueue()

  async function current(): Promise<Loaded> {
    const { mtimeMs, size } = await statOf(path)
    if (mtimeMs !== known.mtimeMs || size !== known.size) known = await load(path)
    return known
  }

  return {
    async find(credentials) {
      const { entries, nobody, proven } = await current()
      const proof = createHmac('sha256', secret).update(JSON.stringify(credentials)).digest('hex')
      const before = proven.get(proof)
      if (before !== undefined) return before
      const { username, password } = credentials
      const entry = entries.get(username)
      // An unknown user takes as long as a wrong password.
      const isRight = await enqueue(() => (entry ?? nobody).isIts(password))
      const user = isRight ? entry?.user : undefined
      if (user !== undefined) proven.set(proof, user)
      return user
    },
  }
}

async function isScryptOf(password: string, { cost, salt, key }: Scrypt): Promise<boolean> {
  const found = await derive(password, { cost, salt, length: key.length })
  return timingSafeEqual(found, key)
}

const NOBODY: Pick<Entry, 'isIts'> = {
  isIts: (password) =>
    isScryptOf(password, { cost: COST, salt: randomBytes(SALT_LENGTH), key: randomBytes(KEY_LENGTH) }),
}

interface Derivation {
  readonly cost: typeof COST
  readonly salt: Buffer
  readonly length: number
}

async function derive(password: string, { cost: { ln, r, p }, salt, length }: Derivation): Promise<Buffer> {
  const options = { N: 2 ** ln, r, p, maxmem: 2 * memoryOf({ ln, r }) }
  return new Promise((resolve, reject) => {
    scrypt(password, salt, length, options, (error, key) => (error === null ? resolve(key) : reject(error)))
  })
}

/** RFC 7914, 2. */
function memoryOf({ ln, r }: Pick<typeof COST, 'ln' | 'r'>): number {
  return 128 * 2 ** ln * r
}

interface Loaded {
  readonly entries: ReadonlyMap<string, Entry>
  /** Whose password takes as long as that of the first. */
  readonly nobody: Pick<Entry, 'isIts'>
  /** By their proofs. Deriving takes long by intent, and clients log in with each request. */
  readonly proven: Map<string, User>
  readonly mtimeMs: number
  readonly size: number
}

async function load(path: string): Promise<Loaded> {
  const { mtimeMs, size } = await statOf(path)
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw explainSystemError(error)
  })
  const entries = new Map<string, Entry>()
  for (const [index, line] of text.split('\n').entries()) {
    const trimmed = line.trim()
    if (trimmed === '' || trimmed.startsWith('#')) continue
    const entry = parseLine(trimmed)
    if (entry === undefined) throw wrongLine(path, index + 1)
    entries.set(entry.user.name, entry)
  }
  const [first = NOBODY] = entries.values()
  return { entries, nobody: first, proven: new Map(), mtimeMs, size }
}

async function statOf(path: string): Promise<{ readonly mtimeMs: number; readonly size: number }> {
  return stat(path).catch((error: unknown) => {
    throw explainSystemError(error)
  })
}

const LINE = /^([^:]+):(\$[^:]+)(:pull)?$/
const SCRYPT = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d)\$([\w+/]+)\$([\w+/]+)$/
const BCRYPT = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/
/** Twice as long for each more: with 15, some seconds. */
const BCRYPT_COSTS = { least: 4, most: 15 }

function parseLine(line: string): Entry | undefined {
  const [, name, hash = '', pull] = LINE.exec(line) ?? []
  const isIts = bcryptIn(hash) ?? scryptIn(hash)
  if (name === undefined || isIts === undefined) return undefined
  return { user: { name, may: pull === undefined ? 'push' : 'pull' }, isIts }
}

function bcryptIn(hash: string): Entry['isIts'] | undefined {
  const cost = Number(BCRYPT.exec(hash)?.[1])
  if (!(cost >= BCRYPT_COSTS.least && cost <= BCRYPT_COSTS.most)) return undefined
  return (password) => isBcryptOf({ password, hash })
}

function scryptIn(hash: string): Entry['isIts'] | undefined {
  const [, ln, r, p, salt, key] = SCRYPT.exec(hash) ?? []
  if (salt === undefined || key === undefined) return undefined
  const cost = { ln: Number(ln), r: Number(r), p: Number(p) }
  if (cost.ln < 1 || cost.r < 1 || cost.p < 1 || memoryOf(cost) > MOST_MEMORY) return undefined
  const bytes = Buffer.from(key, 'base64')
  if (bytes.length < SALT_LENGTH) return undefined
  return (password) => isScryptOf(password, { cost, salt: Buffer.from(salt, 'base64'), key: bytes })
}

/** The line itself is a secret. */
function wrongLine(path: string, number: number): BallastError {
  return new BallastError('USAGE', `${path}, line ${number}: not USER:HASH with a hash of scrypt or bcrypt`, {
    hint: 'make the hash with: ballast serve --hash-password < FILE-WITH-THE-PASSWORD, or the line with: htpasswd -nB USER',
  })
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '')
}
