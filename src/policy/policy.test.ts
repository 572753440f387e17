import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BallastError, isBallastError } from '../core/index.ts'
import type { Json } from '../model/index.ts'
import { evaluate, type Facts, type Verdict } from './evaluate.ts'
import { decodePolicy, encodePolicy, type Policy } from './policy.ts'
import { refusal } from './refusal.ts'

/** As keys are read, for keys that are plain words. */
const keys = (pem: string): string | undefined =>
  /^KEY [A-Z]$/.test(pem.trim()) ? `sha256:${pem.trim().slice(-1).repeat(64).toLowerCase()}` : undefined
const options = { what: 'policy.yaml', keys }
const [A, B] = [`sha256:${'a'.repeat(64)}`, `sha256:${'b'.repeat(64)}`]

const WHOLE: Json = {
  stage: 'prod',
  requires: {
    signed: { by: ['KEY A', { identity: 'ci@example.org', issuer: 'https://issuer.example' }] },
    scanned: true,
    formats: ['safetensors', 'onnx'],
    metrics: { accuracy: '>= 0.9', 'eval.latency': '<20' },
    approved: { by: [{ key: 'KEY A', name: 'alice' }, 'KEY B'], count: 2 },
    from: 'staging',
  },
  trustedRoot: { certificateAuthorities: [] },
}

const NOTHING: Facts = {
  signers: new Set(),
  refusedSignatures: [],
  approvers: new Set(),
  refusedApprovals: [],
  scan: undefined,
  formats: undefined,
  figures: new Map(),
  hasBeenInFrom: false,
}
const ALL: Facts = {
  ...NOTHING,
  signers: new Set([A]),
  approvers: new Set([A, B]),
  scan: { verdict: 'clean', findings: [] },
  formats: [{ path: 'model.onnx', format: 'onnx' }],
  figures: new Map([
    ['accuracy', 0.9],
    ['eval.latency', 19],
  ]),
  hasBeenInFrom: true,
}
const naming = { ref: 'sentiment:3', stageRef: (stage: string) => `sentiment:${stage}` }
const failed = (policy: Policy, facts: Facts): readonly Verdict[] =>
  evaluate(policy, facts, naming).filter(({ passed }) => !passed)

test('a version that is known to keep every rule passes; of one of which nothing is known every rule fails', () => {
  const policy = decodePolicy(WHOLE, options)
  assert.deepEqual(failed(policy, ALL), [])
  assert.deepEqual(
    failed(policy, NOTHING).map(({ rule }) => rule),
    ['signed', 'scanned', 'formats', 'metrics.accuracy', 'metrics.eval.latency', 'approved', 'from'],
  )
})

test('each rule alone fails where what it asks for is not so', () => {
  const policy = decodePolicy(WHOLE, options)
  const cases: readonly (readonly [rule: string, facts: Partial<Facts>])[] = [
    ['signed', { signers: new Set([B]) }],
    ['scanned', { scan: { verdict: 'hostile', findings: ['model.pkl: os.system'] } }],
    ['scanned', { scan: { verdict: 'unreadable', findings: [] } }],
    ['formats', { formats: [...(ALL.formats ?? []), { path: 'x.pkl', format: 'pickle' }] }],
    ['formats', { formats: [] }],
    [
      'metrics.accuracy',
      {
        figures: new Map([
          ['accuracy', 0.89],
          ['eval.latency', 19],
        ]),
      },
    ],
    [
      'metrics.accuracy',
      {
        figures: new Map([
          ['accuracy', Number.NaN],
          ['eval.latency', 19],
        ]),
      },
    ],
    ['approved', { approvers: new Set([A]) }],
    ['from', { hasBeenInFrom: false }],
  ]
  for (const [rule, facts] of cases) {
    assert.deepEqual(
      failed(policy, { ...ALL, ...facts }).map((verdict) => verdict.rule),
      [rule],
    )
  }
})

test('a pickle of allowed things passes a scan, and does not where no file may run code', () => {
  const facts: Facts = { ...ALL, scan: { verdict: 'executable', findings: ['model.pkl'] } }
  assert.deepEqual(failed(decodePolicy(WHOLE, options), facts), [])
  const strict = decodePolicy({ stage: 'prod', requires: { scanned: 'clean' } }, options)
  assert.deepEqual(
    failed(strict, facts).map(({ rule }) => rule),
    ['scanned'],
  )
})

test('a refusal names each rule that failed, what was found and what would satisfy it', () => {
  const verdicts = evaluate(decodePolicy(WHOLE, options), { ...ALL, approvers: new Set([A]) }, naming)
  const error = refusal({ ref: 'sentiment:3', stageRef: 'sentiment:prod' }, verdicts)
  assert.equal(error.code, 'REFUSED')
  assert.equal(error.message, 'sentiment:3 does not keep the policy of sentiment:prod: approved')
  assert.match(
    error.hint ?? '',
    /approved: wanted approved for prod by all of alice, sha256:b{12}; found alice\n {4}ballast approve sentiment:3 prod --key KEY, with the key of sha256:b{12}/,
  )
  assert.deepEqual(error.details?.rules, verdicts)
})

test('a policy is kept as a document from which the same one is read', () => {
  const policy = decodePolicy(WHOLE, options)
  assert.deepEqual(decodePolicy(JSON.parse(JSON.stringify(encodePolicy(policy))), options), policy)
})

test('what is not known, or asks for nothing, is refused by its name', () => {
  const wrong: readonly (readonly [document: unknown, field: RegExp])[] = [
    [undefined, /the document has to be a mapping/],
    [{ requires: { scanned: true } }, /stage is the name of a tag/],
    [{ stage: 'prod', requires: {} }, /requires asks for nothing/],
    [{ stage: 'prod', requires: { scaned: true } }, /scaned is not known; there are signed, scanned/],
    [{ stage: 'prod', requires: { scanned: true }, extra: 1 }, /extra is not known/],
    [{ stage: 'prod', requires: { scanned: false } }, /requires.scanned is true, or clean/],
    [{ stage: 'prod', requires: { signed: true } }, /requires.signed has to be a mapping/],
    [{ stage: 'prod', requires: { signed: { by: [] } } }, /names nobody/],
    [{ stage: 'prod', requires: { signed: { by: ['KEY A', 'KEY A'] } } }, /names somebody twice/],
    [{ stage: 'prod', requires: { signed: { by: ['KEY A'], count: 2 } } }, /asks for 2, and names 1/],
    [{ stage: 'prod', requires: { signed: { by: ['KEY A'], count: 0 } } }, /no whole number/],
    [{ stage: 'prod', requires: { signed: { by: ['nonsense'] } } }, /no public key in PEM/],
    [{ stage: 'prod', requires: { signed: { by: [{ identity: 'me' }] } } }, /neither a key nor an identity/],
    [{ stage: 'prod', requires: { metrics: { accuracy: 0.9 } } }, /requires.metrics.accuracy is a bound/],
    [{ stage: 'prod', requires: { formats: [] } }, /requires.formats is a list/],
    [{ stage: 'prod', requires: { from: 'prod' } }, /requires.from is the stage itself/],
  ]
  for (const [document, field] of wrong) {
    assert.throws(
      () => decodePolicy(document, options),
      (error) => isBallastError(error, 'USAGE') && field.test(error.message),
      `${field}`,
    )
  }
})

test('any document is a policy or is refused', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (requires, scanned) => {
      for (const document of [
        requires,
        { stage: 'prod', requires },
        { stage: 'prod', requires: { scanned } },
      ]) {
        try {
          decodePolicy(document, options)
        } catch (error) {
          assert.ok(error instanceof BallastError && error.code === 'USAGE')
        }
      }
    }),
  )
})

test('to know less never lets a version pass', () => {
  const policy = decodePolicy(WHOLE, options)
  const less = fc.subarray(['signers', 'approvers', 'scan', 'formats', 'figures', 'hasBeenInFrom'] as const)
  fc.assert(
    fc.property(less, (missing) => {
      const facts = { ...ALL, ...Object.fromEntries(missing.map((name) => [name, NOTHING[name]])) }
      assert.equal(failed(policy, facts).length === 0, missing.length === 0)
    }),
  )
})
