import { tokenise } from './tokenise.ts'

/** A vocabulary entry that was found in a text, with its contribution. */
export interface Match {
  readonly token: string
  readonly score: number
}

export interface Prediction {
  readonly label: 'positive' | 'negative' | 'neutral'
  /** The sum of the matches' scores. */
  readonly score: number
  readonly tokens: readonly Match[]
}

export type Classifier = (text: string) => Prediction

interface Entry {
  readonly token: string
  readonly score: number
  readonly length: number
}

/** How many words before an entry a negation still turns it round: `not very good`. */
const NEGATION_REACH = 2

const NEGATIONS = new Set(
  (
    'not never cannot without cant dont doesnt didnt isnt arent aint wasnt werent wont wouldnt couldnt shouldnt ' +
    'hasnt havent hadnt'
  ).split(' '),
)

/** Tokens and scores by index; an entry of several words is found before its single words. Throws when they differ in number. */
export function createClassifier(tokens: readonly string[], scores: ArrayLike<number>): Classifier {
  if (tokens.length !== scores.length) {
    throw new Error(`${tokens.length} tokens in the vocabulary, ${scores.length} scores in the weights`)
  }
  const entries = new Map<string, Entry>()
  tokens.forEach((token, index) => {
    const words = tokenise(token)
    const key = words.join(' ')
    // Spellings that read the same keep the score of the first.
    if (!entries.has(key)) entries.set(key, { token, score: scores[index] ?? 0, length: words.length })
  })
  const longest = Math.max(0, ...[...entries.values()].map(({ length }) => length))
  return (text) => {
    const matches = findMatches(tokenise(text), entries, longest)
    const score = rounded(matches.reduce((sum, match) => sum + match.score, 0))
    return { label: labelOf(score), score, tokens: matches }
  }
}

function findMatches(
  words: readonly string[],
  entries: ReadonlyMap<string, Entry>,
  longest: number,
): readonly Match[] {
  const matches: Match[] = []
  let from = 0
  for (let at = 0; at < words.length; ) {
    const entry = longestEntry(words, at, entries, longest)
    if (entry === undefined) {
      at++
      continue
    }
    const before = words.slice(Math.max(from, at - NEGATION_REACH), at)
    const negated = before.some((word) => NEGATIONS.has(word))
    matches.push({ token: entry.token, score: rounded(negated ? -entry.score : entry.score) })
    at += entry.length
    from = at
  }
  return matches
}

function longestEntry(
  words: readonly string[],
  at: number,
  entries: ReadonlyMap<string, Entry>,
  longest: number,
): Entry | undefined {
  for (let length = Math.min(longest, words.length - at); length > 0; length--) {
    const entry = entries.get(words.slice(at, at + length).join(' '))
    if (entry !== undefined) return entry
  }
  return undefined
}

function labelOf(score: number): Prediction['label'] {
  if (score > 0) return 'positive'
  return score < 0 ? 'negative' : 'neutral'
}

/** Scores are stored as 32-bit floats: 0.6 comes back as 0.6000000238. `+ 0` so that JSON never says -0. */
function rounded(score: number): number {
  return Math.round(score * 10_000) / 10_000 + 0
}
