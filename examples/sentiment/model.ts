import { readFile } from 'node:fs/promises'
import type { ResolvedModel } from 'ballast/runtime'
import { type Classifier, createClassifier } from './classifier.ts'
import { readSafetensors, vectorOf } from './safetensors.ts'

export const WEIGHTS = 'weights.safetensors'
export const VOCABULARY = 'vocabulary.json'

/** What each of the two files says it was exported with. */
export interface Stamps {
  readonly weights: string
  readonly vocabulary: string
}

export interface SentimentModel {
  readonly classify: Classifier
  readonly stamps: Stamps
  /** Where the scores come from, in words. */
  readonly source: string
}

/** Throws when the two files are not of one export: scores would then belong to other words. */
export async function loadSentiment(model: ResolvedModel): Promise<SentimentModel> {
  const weights = readSafetensors(await readFile(model.file(WEIGHTS)))
  const vocabulary = parseVocabulary(await readFile(model.file(VOCABULARY), 'utf8'))
  const stamps = { weights: weights.metadata.stamp ?? '', vocabulary: vocabulary.stamp }
  if (stamps.weights === '' || stamps.weights !== stamps.vocabulary) {
    throw new Error(
      `${WEIGHTS} has the stamp ${stamps.weights || 'none'}, ${VOCABULARY} ${stamps.vocabulary || 'none'}: ` +
        `the files in ${model.directory} are of different versions`,
    )
  }
  const scores = vectorOf(weights.tensors.scores, 'scores')
  return {
    classify: createClassifier(vocabulary.tokens, scores),
    stamps,
    source: weights.metadata.source ?? 'unknown',
  }
}

function parseVocabulary(text: string): { readonly stamp: string; readonly tokens: readonly string[] } {
  const { stamp, tokens } = (JSON.parse(text) ?? {}) as Record<string, unknown>
  if (typeof stamp !== 'string') throw new Error(`${VOCABULARY} has no stamp`)
  if (!Array.isArray(tokens) || !tokens.every((token) => typeof token === 'string')) {
    throw new Error(`${VOCABULARY} has no list of tokens`)
  }
  return { stamp, tokens }
}
