import type { ImageVariantsResult } from '../../workflows/image-variants.ts'
import type { VariantsResult } from '../../workflows/variants.ts'
import { describeProof } from './proof.ts'
import { formatDigest, formatTable } from './text.ts'

export function describeVariants({ variants, target, link, proof }: VariantsResult): string {
  if (variants.length === 0) return `${target}/${link} is not split: every key gets what it leads to\n`
  const rows = variants.map(({ name, weight, share, version, digest, tenants, ofLink }) => [
    name,
    `${weight}`,
    share === 0 ? '' : formatShare(share),
    version,
    formatDigest(digest),
    [
      ...(ofLink ? [`what ${link} leads to`] : []),
      ...(tenants.length > 0 ? [formatTenants(tenants)] : []),
    ].join('; '),
  ])
  const table = formatTable(['VARIANT', 'WEIGHT', 'KEYS', 'VERSION', 'DIGEST', ''], rows, [1, 2])
  return proof === undefined ? table : `${table}the last change ${describeProof(proof)}\n`
}

export function describeImageVariants({ image, variants }: ImageVariantsResult): string {
  if (variants.length === 0) return `${image} has no variants\n`
  const rows = variants.map((variant) => [
    variant.name,
    variant.version,
    formatDigest(variant.digest),
    variant.image,
  ])
  return formatTable(['VARIANT', 'VERSION', 'DIGEST', 'IMAGE'], rows)
}

function formatShare(share: number): string {
  return `${Number((share * 100).toPrecision(3))} %`
}

const MOST_TENANTS = 5

function formatTenants(tenants: readonly string[]): string {
  const more = tenants.length - MOST_TENANTS
  const shown = tenants
    .slice(0, MOST_TENANTS)
    .map((tenant) => (/^[\x21-\x7e]+$/.test(tenant) ? tenant : JSON.stringify(tenant)))
  return `tenant${tenants.length === 1 ? '' : 's'} ${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}
