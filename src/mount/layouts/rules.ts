/** Of the names in a model's directory: which number a server takes each of them for. */
export type NumberRule = (name: string) => bigint | undefined

/**
 * TensorFlow Serving (`FileSystemStoragePathSource`, `absl::SimpleAtoi`), which OpenVINO Model Server follows: the whole name
 * is one int64, with a sign, zeros and white space around it if need be; every other name is ignored.
 */
export const servingNumber: NumberRule = (name) => {
  const digits = /^[\t\n\v\f\r ]*([+-]?\d+)[\t\n\v\f\r ]*$/.exec(name)?.[1]
  const number = digits === undefined ? undefined : bigintOf(digits)
  return number === undefined || !isInt64(number) ? undefined : number
}

/** What Triton looks for in a model's directory beside its configuration; left out before it looks for numbers (`VersionsToLoad`). */
export const TRITON_DIRECTORIES = ['configs', 'initial_state', 'warmup']

/**
 * Triton (`VersionsToLoad`, `std::stoll`): a number at the beginning is enough (`3-old` is 3), but nothing that begins with a
 * zero. One that is no int64 ends the server; it is told here as the number that it is.
 */
export const tritonNumber: NumberRule = (name) => {
  if (TRITON_DIRECTORIES.includes(name) || (name.length > 1 && name.startsWith('0'))) return undefined
  const digits = /^[\t\n\v\f\r ]*([+-]?\d+)/.exec(name)?.[1]
  return digits === undefined ? undefined : bigintOf(digits)
}

export function isInt64(number: bigint): boolean {
  return BigInt.asIntN(64, number) === number
}

function bigintOf(digits: string): bigint {
  return digits.startsWith('-') ? -BigInt(digits.slice(1)) : BigInt(digits.replace('+', ''))
}
