import { createHash } from 'node:crypto'
import { BallastError } from '../core/index.ts'
import { isVariantName, parseName, parseTag, STABLE_VARIANT } from '../model/index.ts'
import { linkedVersion, readVariants } from '../mount/index.ts'
import type { Store } from '../store/index.ts'
import { changeImageVariants, type ImageVariantsCall, type ImageVariantsResult } from './image-variants.ts'
import { applyVariants, type VariantsResult } from './variants.ts'
import {
  findVariantsPlace,
  type PlaceRequest,
  type VariantsCall,
  type VariantsPlace,
} from './variants-place.ts'

export interface RouteRequest extends PlaceRequest {
  /** `tenant=NAME` */
  readonly rule: string
  /** A variant that there is, or a reference; undefined takes the rule away. */
  readonly to: string | undefined
}

/**
 * Sends a tenant's requests to a variant, whatever the weights. A reference becomes a variant of the tenant's own, without a
 * weight. Throws USAGE, NOT_FOUND, REFUSED where an application has not taken it, and what a delivery does.
 */
export async function route(
  store: Store,
  { rule, to, ...request }: RouteRequest,
  { engine, reloadOf, ...options }: VariantsCall,
): Promise<VariantsResult> {
  const tenant = parseRule(rule)
  const place = await findVariantsPlace(request, { engine, ...options })
  const isVariant = to !== undefined && (await namesVariant(store, place, to))
  const variant = to === undefined || isVariant ? to : variantOfTenant(tenant)
  const edit = {
    weights: new Map<string, number>(),
    refs: new Map(to === undefined || isVariant || variant === undefined ? [] : [[variant, to]]),
    withdrawn: [],
    routes: new Map([[tenant, variant]]),
    by: `route ${rule} ${to ?? '--withdraw'}`,
  }
  return applyVariants(store, place, { ...options, reloadOf, edit })
}

/** The tenant's image beside one that holds a model, or no longer. Throws what `changeImageVariants` does. */
export async function routeImage(
  store: Store,
  { operand, rule, to }: Omit<RouteRequest, 'as' | 'directory'>,
  options: ImageVariantsCall,
): Promise<ImageVariantsResult> {
  const name = variantOfTenant(parseRule(rule))
  const refs = new Map(to === undefined ? [] : [[name, to]])
  const withdrawn = to === undefined ? [name] : []
  return changeImageVariants(store, { image: operand, refs, withdrawn }, options)
}

/** Whether the text is a variant of the link, or a tag of its model that becomes one under that name. */
async function namesVariant(store: Store, { target, link }: VariantsPlace, text: string): Promise<boolean> {
  if (!isVariantName(text)) return false
  const set = await readVariants(target, link)
  if (text === STABLE_VARIANT || set?.variants.some(({ name }) => name === text) === true) return true
  const { model } = await linkedVersion(target, link)
  return (await store.records.resolve({ name: parseName(model), tag: parseTag(text) })) !== undefined
}

function parseRule(rule: string): string {
  const [, tenant = ''] = /^tenant=(.+)$/s.exec(rule) ?? []
  if (tenant !== '') return tenant
  throw new BallastError('USAGE', `${JSON.stringify(rule)} is not a rule`, {
    hint: 'write tenant=NAME, with the name by which the application asks: pick({ tenant })',
  })
}

/** Tenants may be called anything. */
function variantOfTenant(tenant: string): string {
  const plain = `tenant-${tenant}`
  return isVariantName(plain)
    ? plain
    : `tenant-${createHash('sha256').update(tenant).digest('hex').slice(0, 12)}`
}
