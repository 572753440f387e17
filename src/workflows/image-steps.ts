import { type Known, measured } from '../advise/index.ts'
import { type ImageStep, linesOf } from '../docker/index.ts'
import { readSteps } from './dockerfile.ts'
import { isAtOrBelow } from './run-request.ts'

export interface StepFacts {
  readonly known: Known
  /** The steps that copy the model, as the history has them. */
  readonly copies: readonly string[]
}

/**
 * What the steps of an image tell: its size without a copy of the model, what a change of the code replaces, and
 * whether such a change writes the copy again. `path` is where the application has the model, `modelBytes` its size.
 */
export function factsOfSteps(
  steps: readonly ImageStep[],
  {
    modelBytes,
    path,
    name,
  }: { readonly modelBytes?: number | undefined; readonly path?: string | undefined; readonly name: string },
): StepFacts {
  const copied = withDestinations(steps)
  const holdsModel = copied.map((step) => isCopyOfModel(step, { modelBytes, path }))
  const copies = copied.filter((_, index) => holdsModel[index])
  const total = sum(steps)
  const model = Math.min(sum(copies), modelBytes ?? Number.POSITIVE_INFINITY)
  const first = copied.findIndex(
    ({ destination }, index) => destination !== undefined && isCode(copied, index),
  )
  const code = first < 0 ? [] : copied.slice(first).filter((_, index) => !holdsModel[first + index])
  const place = holdsModel.indexOf(true)
  return {
    known: {
      imageBytes: measured(total - model, name),
      ...(code.length > 0 && {
        codeBytes: measured(sum(code), `the steps of ${name} from ${code[0]?.step} on`),
      }),
      ...(place >= 0 && {
        copyRepeats: repeats(copies, { isBehindCode: first >= 0 && first < place, modelBytes, path }),
      }),
    },
    copies: copies.map(({ step }) => step),
  }
}

/** Every change of the code writes a copy again that stands behind code, or holds code as well. */
function repeats(
  copies: readonly Copied[],
  {
    isBehindCode,
    modelBytes = 0,
    path,
  }: {
    readonly isBehindCode: boolean
    readonly modelBytes?: number | undefined
    readonly path?: string | undefined
  },
): NonNullable<Known['copyRepeats']> {
  const step = `\`${copies[0]?.step}\``
  // What was copied is not in the history of images that the former builder has built.
  const holdsMore = ({ destination = '/', sources = [], bytes }: Copied): boolean =>
    sources.includes('.') ||
    destination === '/' ||
    (path !== undefined && destination !== path && isAtOrBelow(path, destination) && bytes > modelBytes)
  if (isBehindCode) return measured(1, `${step} stands behind a copy of the code`)
  if (copies.some(holdsMore)) return measured(1, `${step} copies more than the model`)
  return measured(0, `${step} stands before the code`)
}

interface Copied extends ImageStep {
  readonly sources?: readonly string[] | undefined
  /** Absolute; undefined for what is no COPY or ADD. */
  readonly destination?: string | undefined
}

/** The history has the steps in the order of the copies that are read from it. */
function withDestinations(steps: readonly ImageStep[]): readonly Copied[] {
  const { copies } = readSteps(linesOf({ steps }))
  let next = 0
  return steps.map((step) => {
    const copy = copies[next]
    if (copy?.text !== step.step.trim().replace(/\s+/g, ' ')) return step
    next++
    return { ...step, sources: copy.sources, destination: copy.target.replace(/(?<=.)\/$/, '') }
  })
}

/** A copy to the model's path, or, where no path is known, of about as many bytes. */
function isCopyOfModel(
  { destination, bytes }: Copied,
  { modelBytes, path }: { readonly modelBytes?: number | undefined; readonly path?: string | undefined },
): boolean {
  if (destination === undefined || modelBytes === undefined || bytes < modelBytes * 0.9) return false
  if (path === undefined) return bytes <= modelBytes * 1.1
  return isAtOrBelow(destination, path) || isAtOrBelow(path, destination)
}

/** A COPY behind the last RUN: what is above it is built in less than a minute and changes with the code. */
function isCode(steps: readonly Copied[], index: number): boolean {
  return !steps.slice(index + 1).some(({ step, bytes }) => step.startsWith('RUN') && bytes > 0)
}

function sum(steps: readonly { readonly bytes: number }[]): number {
  return steps.reduce((total, { bytes }) => total + bytes, 0)
}
