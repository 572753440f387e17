import { readdir, readFile, readlink, realpath, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { isSystemError } from '../../core/index.ts'
import type { ServerLayout } from '../../model/index.ts'
import { GENERATIONS, REPOSITORY } from '../names.ts'
import { isInt64, type NumberRule, servingNumber, tritonNumber } from './rules.ts'
import { layoutOfLink } from './view.ts'

const READERS: Readonly<Record<ServerLayout, (model: string) => Promise<string | undefined>>> = {
  triton: (model) => newestIn(model, tritonNumber),
  tfserving: (model) => newestIn(model, servingNumber),
  hf: mainOf,
}

/** Where a server that is not told otherwise finds the version in a model's directory: by its own rule. Undefined where it finds none. */
function servedFrom(layout: ServerLayout, model: string): Promise<string | undefined> {
  return READERS[layout](model).catch((error: unknown) => {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw error
  })
}

/** What keeps a server from finding the version to which the link leads, a line each; none for a link of no layout. */
export async function layoutFaults(target: string, name: string): Promise<readonly string[]> {
  const to = await readlink(join(target, name)).catch(() => undefined)
  const layout = layoutOfLink(to)
  if (to === undefined || layout === undefined) return []
  const faults: string[] = []
  const tree = await realpath(join(target, GENERATIONS, basename(to))).catch(() => undefined)
  const served = await servedFrom(layout, join(target, name))
  const found = served && (await realpath(served).catch(() => undefined))
  if (found === undefined || tree === undefined || !`${found}/`.startsWith(`${tree}/`)) {
    faults.push(`${name}: a server does not find this version there`)
  }
  const repository = layout === 'triton' ? join(target, REPOSITORY, name) : undefined
  if (repository !== undefined && !(await isDirectory(repository))) {
    faults.push(`${REPOSITORY}/${name}: Triton does not find the model there`)
  }
  return faults
}

async function newestIn(model: string, rule: NumberRule): Promise<string | undefined> {
  let newest: { readonly number: bigint; readonly name: string } | undefined
  for (const name of await readdir(model)) {
    const number = rule(name)
    if (number === undefined || !isInt64(number) || !(await isDirectory(join(model, name)))) continue
    if (newest === undefined || number > newest.number) newest = { number, name }
  }
  return newest && join(model, newest.name)
}

async function mainOf(repository: string): Promise<string | undefined> {
  const revision = await readFile(join(repository, 'refs/main'), 'utf8')
  const snapshot = join(repository, 'snapshots', revision)
  return (await isDirectory(snapshot)) ? snapshot : undefined
}

async function isDirectory(path: string): Promise<boolean> {
  const info = await stat(path).catch(() => undefined)
  return info?.isDirectory() === true
}
