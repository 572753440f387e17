import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isInt64, servingNumber, tritonNumber } from './rules.ts'

/** What each server takes a name in a model's directory for; undefined where it looks past it. */
const NAMES: readonly (readonly [name: string, serving: bigint | undefined, triton: bigint | undefined])[] = [
  ['1', 1n, 1n],
  ['42', 42n, 42n],
  ['0', 0n, 0n],
  // Zeros in front: another name of the same version for one, nothing for the other.
  ['01', 1n, undefined],
  ['007', 7n, undefined],
  ['00', 0n, undefined],
  // Signs and white space.
  ['+3', 3n, 3n],
  ['-3', -3n, -3n],
  [' 3', 3n, 3n],
  ['3 ', 3n, 3n],
  ['3\n', 3n, 3n],
  ['+ 3', undefined, undefined],
  ['--3', undefined, undefined],
  // Half a number: nothing for one, a version for the other, which is why nothing of Ballast's begins with a digit there.
  ['3-e2a4c0ffee00', undefined, 3n],
  ['3.tmp', undefined, 3n],
  ['12abc', undefined, 12n],
  ['1_000', undefined, 1n],
  ['0x10', undefined, undefined],
  ['1e3', undefined, 1n],
  // The ends of an int64.
  ['9223372036854775807', 2n ** 63n - 1n, 2n ** 63n - 1n],
  ['9223372036854775808', undefined, 2n ** 63n],
  // Names of others, and what makes way for a number.
  ['.ballast', undefined, undefined],
  ['..data', undefined, undefined],
  ['.3', undefined, undefined],
  ['', undefined, undefined],
  ['latest', undefined, undefined],
  ['incoming-12-1', undefined, undefined],
  ['lost+found', undefined, undefined],
  ['configs', undefined, undefined],
  ['warmup', undefined, undefined],
  ['initial_state', undefined, undefined],
  ['٣', undefined, undefined],
]

test('names in a model directory are numbers by the rule of each server', () => {
  for (const [name, serving, triton] of NAMES) {
    assert.equal(servingNumber(name), serving, `TensorFlow Serving: ${JSON.stringify(name)}`)
    assert.equal(tritonNumber(name), triton, `Triton: ${JSON.stringify(name)}`)
  }
})

test('Triton ends at a number that is no int64, which is told from others', () => {
  assert.equal(isInt64(tritonNumber('9223372036854775808') ?? assert.fail()), false)
  assert.equal(isInt64(-(2n ** 63n)), true)
})
