import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { createInterface } from 'node:readline'
import {
  ModelError,
  type OpenedModel,
  type OpenedVariants,
  openModel,
  openVariants,
  type PickRequest,
  type ResolvedModel,
  resolveModel,
  resolveVariants,
} from '../../src/runtime/index.ts'

/** Answers the questions of conformance.test.ts, a line of JSON each, by ballast/runtime. */
const root = process.argv[2] ?? ''
const opened = new Map<string, OpenedModel<string> | OpenedVariants<string>>()

interface Question {
  readonly call: string
  readonly path?: string
  readonly name?: string
  readonly file?: string
  readonly count?: number
  readonly id?: string
  readonly kind?: string
  readonly readiness?: string
}

const numberOf = (model: ResolvedModel): number | null => model.version?.number ?? null

async function load(model: ResolvedModel): Promise<string> {
  const text = await readFile(model.file('w.txt'), 'utf8')
  if (text === 'broken') throw new Error('broken')
  return text
}

async function answer(question: Question): Promise<unknown> {
  const { call, name, id = '' } = question
  const path = join(root, question.path ?? '')
  switch (call) {
    case 'resolve': {
      const { directory, version } = await resolveModel(path, { name })
      const { model, number, reference } = version ?? {}
      return {
        directory: relative(root, directory),
        version: version === undefined ? null : { model, number, reference },
      }
    }
    case 'file':
      return relative(root, (await resolveModel(path)).file(question.file ?? ''))
    case 'variants': {
      const { number, variants, tenants } = await resolveVariants(path, { name })
      return {
        number,
        variants: variants.map(({ name, weight, model }) => [name, weight, numberOf(model)]),
        tenants: Object.fromEntries(tenants),
      }
    }
    case 'pick': {
      const picked = (await resolveVariants(path)).pick(question as unknown as PickRequest)
      return [picked.name, numberOf(picked.model)]
    }
    case 'picks': {
      const set = await resolveVariants(path)
      const names = Array.from(
        { length: question.count ?? 0 },
        (_, at) => set.pick({ key: `user-${at}` }).name,
      )
      const counts = [...new Set(names)].map((name) => [name, names.filter((one) => one === name).length])
      return {
        ...Object.fromEntries(counts),
        sha256: createHash('sha256').update(names.join('\n')).digest('hex'),
      }
    }
    case 'open': {
      const file = question.readiness === undefined ? undefined : join(root, question.readiness)
      const open = question.kind === 'model' ? openModel : openVariants
      opened.set(id, await open(path, load, { pollMs: 20, readinessFile: file }))
      return 'opened'
    }
    case 'state': {
      const one = opened.get(id)
      if (one === undefined) throw new Error(`${id} was not opened`)
      const { current, problem } = one
      const loaded = 'loaded' in current ? current.loaded : [{ ...current, variant: 'stable' }]
      return {
        serving: loaded.map(({ variant, model, value }) => [variant, numberOf(model), value]),
        problem: problem instanceof Error ? problem.message : null,
        readiness: one.readiness(),
      }
    }
    case 'close':
      opened.get(id)?.close()
      return 'closed'
  }
  throw new Error(call)
}

async function respond(question: Question): Promise<unknown> {
  try {
    return { answer: await answer(question) }
  } catch (error) {
    if (error instanceof ModelError) return { error: { code: error.code, message: error.message } }
    if (error instanceof TypeError) return { error: { code: 'ARGUMENT', message: error.message } }
    throw error
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await respond(JSON.parse(line) as Question)))
}
