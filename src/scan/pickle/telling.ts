/** Whether bytes begin like a pickle, a zip, an array of numpy or compressed bytes. */
export function isTelling(head: Uint8Array): boolean {
  const [first = 0, second = 0] = head
  if (first === 0x80) return second <= 5
  if (first === 0x50 && second === 0x4b) return true
  if (first === 0x93 && second === 0x4e) return true
  if (first === 0x1f && second === 0x8b) return true
  return /^\(*[ci][\w.]+\n/.test(Buffer.from(head).toString('latin1'))
}
