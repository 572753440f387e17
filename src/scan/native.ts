/** Programs and archives by their first bytes. */
const PROGRAMS: readonly (readonly [signature: string, what: string])[] = [
  ['7f454c46', 'a program or library (ELF)'],
  ['cffaedfe', 'a program or library (Mach-O)'],
  ['cefaedfe', 'a program or library (Mach-O)'],
]

const UNREAD: readonly (readonly [signature: string, what: string])[] = [
  ['377abcaf271c', 'an archive of 7-Zip'],
  ['526172211a07', 'an archive of RAR'],
  ['4d534346', 'a cabinet archive'],
  ['aced0005', 'serialised Java objects, whose loading can run code'],
]

export type NativeKind = {
  readonly verdict: 'hostile' | 'unreadable'
  readonly rule: string
  readonly what: string
}

export function nativeKind(head: Buffer): NativeKind | undefined {
  const begin = head.toString('hex', 0, 8)
  for (const [signature, what] of PROGRAMS) {
    if (begin.startsWith(signature)) return { verdict: 'hostile', rule: 'program', what: `it is ${what}` }
  }
  if (head.toString('latin1', 0, 2) === 'MZ' && isPortableExecutable(head)) {
    return { verdict: 'hostile', rule: 'program', what: 'it is a program or library (PE)' }
  }
  for (const [signature, what] of UNREAD) {
    if (begin.startsWith(signature)) return { verdict: 'unreadable', rule: 'unread', what: `it is ${what}` }
  }
  return undefined
}

function isPortableExecutable(head: Buffer): boolean {
  if (head.length < 64) return false
  const at = head.readUInt32LE(60)
  return at + 4 <= head.length && head.toString('latin1', at, at + 4) === 'PE\0\0'
}
