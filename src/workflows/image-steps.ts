import { posix } from 'node:path'
import { type Known, measured } from '../advise/index.ts'
import type { SizedStep } from '../docker/index.ts'

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
  steps: readonly SizedStep[],
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
  const holdsMore = ({ destination = '/', source, bytes }: Copied): boolean =>
    source === '.' ||
    destination === '/' ||
    (path !== undefined && destination !== path && isInside(path, destination) && bytes > modelBytes)
  if (isBehindCode) return measured(1, `${step} stands behind a copy of the code`)
  if (copies.some(holdsMore)) return measured(1, `${step} copies more than the model`)
  return measured(0, `${step} stands before the code`)
}

interface Copied extends SizedStep {
  readonly source?: string | undefined
  /** Absolute; undefined for what is no COPY or ADD. */
  readonly destination?: string | undefined
}

/** Copies to relative paths are followed through WORKDIR. */
function withDestinations(steps: readonly SizedStep[]): readonly Copied[] {
  let directory = '/'
  return steps.map((step) => {
    const [, workdir] = /^WORKDIR\s+(\S+)$/.exec(step.step) ?? []
    if (workdir !== undefined) directory = posix.resolve(directory, workdir)
    const [, source, to] = /^(?:COPY|ADD)\s(?:.*\s)?(\S+)\s+(\S+)$/.exec(step.step) ?? []
    return to === undefined ? step : { ...step, source, destination: posix.resolve(directory, to) }
  })
}

/** A copy to the model's path, or, where no path is known, of about as many bytes. */
function isCopyOfModel(
  { destination, bytes }: Copied,
  { modelBytes, path }: { readonly modelBytes?: number | undefined; readonly path?: string | undefined },
): boolean {
  if (destination === undefined || modelBytes === undefined || bytes < modelBytes * 0.9) return false
  if (path === undefined) return bytes <= modelBytes * 1.1
  return isInside(destination, path) || isInside(path, destination)
}

/** A COPY behind the last RUN: what is above it is built in less than a minute and changes with the code. */
function isCode(steps: readonly Copied[], index: number): boolean {
  return !steps.slice(index + 1).some(({ step, bytes }) => step.startsWith('RUN') && bytes > 0)
}

function isInside(path: string, directory: string): boolean {
  return path === directory || directory === '/' || path.startsWith(`${directory}/`)
}

function sum(steps: readonly { readonly bytes: number }[]): number {
  return steps.reduce((total, { bytes }) => total + bytes, 0)
}
