import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { zip } from '../fixtures/model-files.ts'
import { createRandom, type Random } from '../fixtures/random.ts'

/** Something to scan, made of a seed and a number: the same each time. */
export interface FuzzInput {
  readonly path: string
  readonly bytes: Buffer
}

const CORPUS = fileURLToPath(new URL('../scan-corpus/', import.meta.url))
const LARGEST = 128 * 1024

/** Files of the corpus that are small enough to be changed and scanned many times. */
export function readCorpus(): readonly FuzzInput[] {
  return readdirSync(CORPUS, { recursive: true, encoding: 'utf8' })
    .filter((name) => /^(?:hostile|harmless)\//.test(name))
    .sort()
    .filter((name) => statSync(join(CORPUS, name)).isFile() && statSync(join(CORPUS, name)).size <= LARGEST)
    .map((path) => ({ path, bytes: readFileSync(join(CORPUS, path)) }))
}

export function fuzzInput(corpus: readonly FuzzInput[], seed: string, index: number): FuzzInput {
  const random = createRandom(`${seed} ${index}`)
  const base = random.below(3) === 0 ? synthetic(random) : random.pick(corpus)
  let bytes: Buffer = Buffer.from(base.bytes)
  for (let times = random.below(6); times > 0; times--) bytes = mutated(bytes, corpus, random)
  if (random.below(8) === 0) bytes = wrapped(bytes, random)
  const path = random.below(4) === 0 ? random.pick(NAMES) : base.path
  return { path, bytes }
}

const NAMES = [
  'model.pkl',
  'model.joblib',
  'weights.npy',
  'model.pt',
  'model.h5',
  'model.keras',
  'model.onnx',
  'saved_model.pb',
  'model.gguf',
  'model.safetensors',
  'config.json',
  'weights',
]
/** Numbers at which lengths and counts turn over. */
const EDGES = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff]

function mutated(bytes: Buffer, corpus: readonly FuzzInput[], random: Random): Buffer {
  if (bytes.length === 0) return random.bytes(random.below(64))
  const at = random.below(bytes.length)
  const length = random.below(Math.min(64, bytes.length - at)) + 1
  switch (random.below(9)) {
    case 0:
      bytes[at] = random.below(256)
      return bytes
    case 1:
      bytes[at] = (bytes[at] as number) ^ (1 << random.below(8))
      return bytes
    case 2:
      return bytes.subarray(0, at)
    case 3:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)])
    case 4:
      return Buffer.concat([bytes.subarray(0, at), random.bytes(length), bytes.subarray(at)])
    case 5:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at, at + length), bytes.subarray(at)])
    case 6: {
      if (at + 8 > bytes.length) return bytes
      const value = random.pick(EDGES)
      if (random.below(2) === 0) bytes.writeUInt32LE(value, at)
      else bytes.writeBigUInt64LE(BigInt(value) << BigInt(random.below(33)), at)
      return bytes
    }
    case 7: {
      const other = random.pick(corpus).bytes
      const from = random.below(Math.max(1, other.length))
      return Buffer.concat([bytes.subarray(0, at), other.subarray(from, from + random.below(4096))])
    }
    default:
      return Buffer.concat([bytes, random.pick(corpus).bytes]).subarray(0, 2 * LARGEST)
  }
}

function wrapped(bytes: Buffer, random: Random): Buffer {
  switch (random.below(4)) {
    case 0:
      return gzipSync(bytes)
    case 1:
      return deflateSync(bytes)
    case 2:
      return deflateRawSync(bytes)
    default:
      return zip({ 'archive/data.pkl': bytes, 'other.bin': bytes }, { deflate: random.below(2) === 0 })
  }
}

const LINES = [
  'cos\nsystem\n',
  'csklearn.svm._classes\nSVC\n',
  'cnumpy\nndarray\n',
  'ios\nsystem\n',
  'I1\n',
  'L1L\n',
  'Va\n',
  "S'a'\n",
  'F1\n',
  'p0\n',
  'g0\n',
  'P1\n',
]

/** Opcodes of any kind with arguments that mostly fit. */
function synthetic(random: Random): FuzzInput {
  const parts: Buffer[] = random.below(4) === 0 ? [] : [Buffer.from([0x80, random.below(6)])]
  for (let count = random.below(200); count > 0; count--) {
    const kind = random.below(10)
    if (kind < 2) parts.push(Buffer.from(random.pick(LINES)))
    else if (kind < 4) {
      const text = random.bytes(random.below(12)).toString('hex')
      parts.push(Buffer.from([random.pick([0x8c, 0x55, 0x43]), text.length]), Buffer.from(text))
    } else if (kind < 5) parts.push(Buffer.from([random.pick([0x58, 0x42, 0x54]), random.below(9), 0, 0, 0]))
    else if (kind < 6) parts.push(Buffer.from([random.pick([0x68, 0x71, 0x4b, 0x8a]), random.below(5)]))
    else parts.push(Buffer.from([random.pick([...PLAIN])]))
  }
  parts.push(Buffer.from('.'))
  return { path: random.pick(NAMES), bytes: Buffer.concat(parts) }
}

/** Opcodes without an argument. */
const PLAIN = Buffer.from(
  '(012NQRabdeol]}tu)s\x81\x85\x86\x87\x88\x89\x8f\x90\x91\x92\x93\x94\x97\x98',
  'latin1',
)
