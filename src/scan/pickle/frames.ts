import type { Reader } from '../reader.ts'
import type { Notes } from './notes.ts'

/** The frames of protocol 4. Some readers take what is behind one from elsewhere than what is in it. */
export interface Frames {
  /** One begins here. */
  begin(length: number): void
  /** An opcode begins here. */
  pass(): void
  /** No more opcodes come here. */
  leave(): void
}

export function createFrames(reader: Reader, { report }: Pick<Notes, 'report'>): Frames {
  /** -1 outside of frames. */
  let end = -1
  const reportEnd = (): void => {
    end = -1
    report({
      rule: 'malformed',
      verdict: 'hostile',
      what: 'its frames do not end where what is in them ends',
    })
  }
  return {
    begin(length) {
      if (end >= 0) reportEnd()
      // Python's own reader in C stops here, that in Python goes on.
      if (length > reader.left()) reportEnd()
      else end = reader.position() + length
    },
    pass() {
      if (end < 0 || reader.position() < end) return
      if (reader.position() > end) reportEnd()
      end = -1
    },
    leave() {
      if (end >= 0 && reader.position() !== end) reportEnd()
      end = -1
    },
  }
}
