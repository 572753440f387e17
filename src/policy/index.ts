export * from './approval.ts'
export { type Comparison, formatComparison, holds, numberIn, parseComparison } from './comparison.ts'
export * from './evaluate.ts'
export * from './media-types.ts'
export { decodePolicy, encodePolicy, LARGEST_POLICY, type Policy, type Requirements } from './policy.ts'
export * from './refusal.ts'
export {
  formatSigner,
  type IdentitySigner,
  isKeySigner,
  type KeyReader,
  type KeySigner,
  type Signer,
  type Signers,
  signerId,
} from './signers.ts'
export * from './where.ts'
