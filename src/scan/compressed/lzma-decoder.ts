import { Ended } from '../reader.ts'
import { Damaged, NotRead } from './damaged.ts'

/** More memory is not given to any file. */
const LARGEST_DICTIONARY = 64 * 1024 * 1024
const TOP = 2 ** 24
const HALF = 1024

/** The decoder of LZMA (LZMA SDK, lzma-specification.txt), fed by parts. */
export class LzmaDecoder {
  private readonly dictionary: Buffer
  private position = 0
  private total = 0
  private sent = 0
  private probabilities = new Uint16Array(0)
  private lc = 0
  private lp = 0
  private pb = 0
  private state = 0
  private readonly reps = [0, 0, 0, 0]
  private range = 0
  private code = 0
  private input: Buffer = Buffer.alloc(0)
  private at = 0
  /** What a copy had no room for. */
  private pending = 0
  private isOver = false

  constructor(dictionarySize: number) {
    if (dictionarySize > LARGEST_DICTIONARY)
      throw new NotRead('compressed with a dictionary of more than 64 MiB')
    this.dictionary = Buffer.alloc(Math.max(dictionarySize, 4096))
  }

  get ended(): boolean {
    return this.isOver
  }

  get made(): number {
    return this.total
  }

  setProperties(byte: number): void {
    if (byte >= 225) throw new Damaged()
    this.lc = byte % 9
    this.lp = Math.floor(byte / 9) % 5
    this.pb = Math.floor(byte / 45)
    this.resetState()
  }

  resetState(): void {
    this.probabilities = new Uint16Array(LITERALS + (0x300 << (this.lc + this.lp))).fill(HALF)
    this.state = 0
    this.reps.fill(0)
    this.pending = 0
  }

  resetDictionary(): void {
    this.position = 0
    this.total = 0
    this.sent = 0
  }

  start(bytes: Buffer): void {
    this.input = bytes
    this.at = 0
    if (bytes.length < 5 || bytes[0] !== 0) throw new Damaged()
    this.range = 0xffffffff
    this.code = bytes.readUInt32BE(1)
    this.at = 5
  }

  give(bytes: Buffer): void {
    this.input = bytes
    this.at = 0
  }

  /** How much of the input is used. */
  used(): number {
    return this.at
  }

  copyIn(bytes: Buffer): void {
    for (const byte of bytes) this.put(byte)
  }

  /** What was made and is not taken yet; to be called before more than the dictionary is made. */
  take(): Buffer {
    const count = this.total - this.sent
    const from = (this.position - count + this.dictionary.length) % this.dictionary.length
    this.sent = this.total
    if (from + count <= this.dictionary.length)
      return Buffer.from(this.dictionary.subarray(from, from + count))
    return Buffer.concat([
      this.dictionary.subarray(from),
      this.dictionary.subarray(0, from + count - this.dictionary.length),
    ])
  }

  /** Goes on until so many bytes are made, or only so many bytes of the input are left. */
  run(most: number, leave: number): void {
    const end = this.total + most
    while (this.pending > 0 && this.total < end) this.repeat()
    while (this.total < end && !this.isOver && this.input.length - this.at > leave) this.step(end)
  }

  private repeat(): void {
    this.put(this.byteAt(this.reps[0] as number))
    this.pending--
  }

  private put(byte: number): void {
    this.dictionary[this.position] = byte
    this.position = this.position + 1 === this.dictionary.length ? 0 : this.position + 1
    this.total++
  }

  private byteAt(distance: number): number {
    if (distance >= this.total || distance >= this.dictionary.length) throw new Damaged()
    const at = this.position - distance - 1
    return this.dictionary[at < 0 ? at + this.dictionary.length : at] as number
  }

  private normalize(): void {
    if (this.range >= TOP) return
    if (this.at >= this.input.length) throw new Ended()
    this.range = (this.range << 8) >>> 0
    this.code = ((this.code << 8) | (this.input[this.at++] as number)) >>> 0
  }

  private bit(index: number): number {
    const probability = this.probabilities[index] as number
    const bound = (this.range >>> 11) * probability
    let bit = 0
    if (this.code < bound) {
      this.range = bound
      this.probabilities[index] = probability + ((2048 - probability) >> 5)
    } else {
      this.range -= bound
      this.code = (this.code - bound) >>> 0
      this.probabilities[index] = probability - (probability >> 5)
      bit = 1
    }
    this.normalize()
    return bit
  }

  private tree(base: number, bits: number): number {
    let node = 1
    for (let count = 0; count < bits; count++) node = (node << 1) | this.bit(base + node)
    return node - (1 << bits)
  }

  private reverse(base: number, bits: number): number {
    let node = 1
    let value = 0
    for (let count = 0; count < bits; count++) {
      const bit = this.bit(base + node)
      node = (node << 1) | bit
      value |= bit << count
    }
    return value
  }

  private direct(bits: number): number {
    let value = 0
    for (let count = 0; count < bits; count++) {
      this.range >>>= 1
      const bit = this.code >= this.range ? 1 : 0
      if (bit === 1) this.code = (this.code - this.range) >>> 0
      value = value * 2 + bit
      this.normalize()
    }
    return value
  }

  private length(base: number, posState: number): number {
    if (this.bit(base) === 0) return 2 + this.tree(base + 2 + (posState << 3), 3)
    if (this.bit(base + 1) === 0) return 10 + this.tree(base + 130 + (posState << 3), 3)
    return 18 + this.tree(base + 258, 8)
  }

  private literal(): void {
    const previous = this.total > 0 ? this.byteAt(0) : 0
    const place = ((this.total & ((1 << this.lp) - 1)) << this.lc) + (previous >> (8 - this.lc))
    const base = LITERALS + 0x300 * place
    let symbol = 1
    if (this.state >= 7) {
      let match = this.byteAt(this.reps[0] as number)
      while (symbol < 0x100) {
        const matchBit = (match >> 7) & 1
        match <<= 1
        const bit = this.bit(base + ((1 + matchBit) << 8) + symbol)
        symbol = (symbol << 1) | bit
        if (matchBit !== bit) break
      }
    }
    while (symbol < 0x100) symbol = (symbol << 1) | this.bit(base + symbol)
    this.put(symbol & 0xff)
    this.state = this.state < 4 ? 0 : this.state < 10 ? this.state - 3 : this.state - 6
  }

  private step(end: number): void {
    const posState = this.total & ((1 << this.pb) - 1)
    if (this.bit(IS_MATCH + (this.state << 4) + posState) === 0) {
      this.literal()
      return
    }
    const { reps } = this
    let length: number
    if (this.bit(IS_REP + this.state) === 1) {
      if (this.total === 0) throw new Damaged()
      if (this.bit(IS_REP_0 + this.state) === 0) {
        if (this.bit(IS_REP_0_LONG + (this.state << 4) + posState) === 0) {
          this.state = this.state < 7 ? 9 : 11
          this.put(this.byteAt(reps[0] as number))
          return
        }
      } else {
        let distance: number
        if (this.bit(IS_REP_1 + this.state) === 0) distance = reps[1] as number
        else {
          if (this.bit(IS_REP_2 + this.state) === 0) distance = reps[2] as number
          else {
            distance = reps[3] as number
            reps[3] = reps[2] as number
          }
          reps[2] = reps[1] as number
        }
        reps[1] = reps[0] as number
        reps[0] = distance
      }
      length = this.length(REP_LENGTH, posState)
      this.state = this.state < 7 ? 8 : 11
    } else {
      reps[3] = reps[2] as number
      reps[2] = reps[1] as number
      reps[1] = reps[0] as number
      length = this.length(MATCH_LENGTH, posState)
      this.state = this.state < 7 ? 7 : 10
      const distance = this.distance(length)
      if (distance === 0xffffffff) {
        this.isOver = true
        return
      }
      reps[0] = distance
    }
    this.pending = length
    while (this.pending > 0 && this.total < end) this.repeat()
  }

  private distance(length: number): number {
    const slot = this.tree(SLOTS + (Math.min(length - 2, 3) << 6), 6)
    if (slot < 4) return slot
    const bits = (slot >> 1) - 1
    const base = (2 | (slot & 1)) * 2 ** bits
    if (slot < 14) return base + this.reverse(SPECIAL + base - slot - 1, bits)
    return base + this.direct(bits - 4) * 16 + this.reverse(ALIGN, 4)
  }
}

const IS_MATCH = 0
const IS_REP = IS_MATCH + 192
const IS_REP_0 = IS_REP + 12
const IS_REP_1 = IS_REP_0 + 12
const IS_REP_2 = IS_REP_1 + 12
const IS_REP_0_LONG = IS_REP_2 + 12
const SLOTS = IS_REP_0_LONG + 192
const SPECIAL = SLOTS + 256
const ALIGN = SPECIAL + 116
const MATCH_LENGTH = ALIGN + 16
const REP_LENGTH = MATCH_LENGTH + 514
const LITERALS = REP_LENGTH + 514
