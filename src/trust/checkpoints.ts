import { arrayOf, objectOf } from '../model/index.ts'

/** Behind it stand the signatures, a line each, which nothing covers. */
const END_OF_NOTE = '\n\n'
const SIGNATURE = /^\u2014 [\w.:/@%~-]+ [A-Za-z0-9+/]+=*$/

/**
 * A bundle whose checkpoints have signatures of plain names alone. sigstore's verifier takes each name for a regular
 * expression, which could keep it busy for ever; a line that is left out is one signature less, and none more.
 */
export function withPlainCheckpoints(document: object): object {
  const { verificationMaterial } = objectOf(document)
  const material = objectOf(verificationMaterial)
  if (!Array.isArray(material.tlogEntries)) return document
  const tlogEntries = arrayOf(material.tlogEntries).map((entry) => {
    const { inclusionProof } = objectOf(entry)
    const { checkpoint } = objectOf(inclusionProof)
    const { envelope } = objectOf(checkpoint)
    if (typeof envelope !== 'string') return entry
    const plain = { ...objectOf(checkpoint), envelope: plainLines(envelope) }
    return { ...objectOf(entry), inclusionProof: { ...objectOf(inclusionProof), checkpoint: plain } }
  })
  return { ...document, verificationMaterial: { ...material, tlogEntries } }
}

function plainLines(envelope: string): string {
  const cut = envelope.indexOf(END_OF_NOTE)
  if (cut < 0) return envelope
  const behind = cut + END_OF_NOTE.length
  const lines = envelope
    .slice(behind)
    .split('\n')
    .filter((line) => SIGNATURE.test(line))
  return `${envelope.slice(0, behind)}${lines.map((line) => `${line}\n`).join('')}`
}
