import { type Json, objectOf, parseJson } from '../model/index.ts'

/** One file that is more than plain. */
export interface DescribedFile {
  readonly path: string
  readonly format: string
  readonly precision?: string
  readonly parameters?: number
  /** What is wrong with it, for people. */
  readonly remarks?: readonly string[]
}

/** A file that an ONNX model needs beside it. */
export interface ExternalFile {
  readonly path: string
  readonly neededBy: string
  readonly present: boolean
}

/**
 * What a version is: derived from its files alone and never part of its identity. `format` is the one that most bytes
 * are in, `plain` where there is none; `precision`, `parameters` and `dtypes` (parameters by data type) are of that
 * format, and absent where they are not known.
 */
export interface Description {
  /** Which edition of the rules made it. */
  readonly describer: number
  readonly format: string
  readonly precision?: string
  readonly parameters?: number
  readonly dtypes?: Readonly<Record<string, number>>
  readonly architecture?: string
  readonly formats: Readonly<Record<string, { readonly files: number; readonly bytes: number }>>
  readonly files: readonly DescribedFile[]
  readonly externalData: readonly ExternalFile[]
  /** Files that can run code when they are loaded, and why. */
  readonly hazards: readonly { readonly path: string; readonly why: string }[]
  readonly remarks: readonly string[]
}

/** In bytes; a thousand files with the longest names fit. */
export const LARGEST_DESCRIPTION = 8 * 1024 * 1024

export function encodeDescription(description: Description): Buffer {
  return Buffer.from(`${JSON.stringify(description)}\n`)
}

/** Undefined for anything else, and for one by rules that are not known yet: whoever reads it shows it to people. */
export function decodeDescription(bytes: Uint8Array): Description | undefined {
  const parsed = parseJson(bytes)
  if (parsed === undefined || !isDescription(parsed)) return undefined
  return parsed as unknown as Description
}

function isDescription(value: Json): boolean {
  return (
    isCount(value.describer) &&
    isText(value.format) &&
    isOptional(value.precision, isText) &&
    isOptional(value.parameters, isCount) &&
    isOptional(value.architecture, isText) &&
    isOptional(value.dtypes, (dtypes) =>
      Object.entries(objectOf(dtypes)).every(([name, n]) => isText(name) && isCount(n)),
    ) &&
    Object.entries(objectOf(value.formats)).every(
      ([name, count]) => isText(name) && isCount(objectOf(count).files) && isCount(objectOf(count).bytes),
    ) &&
    isListOf(value.files, (file) => isFile(objectOf(file))) &&
    isListOf(value.externalData, (file) => {
      const { path, neededBy, present } = objectOf(file)
      return isText(path) && isText(neededBy) && typeof present === 'boolean'
    }) &&
    isListOf(value.hazards, (hazard) => isText(objectOf(hazard).path) && isText(objectOf(hazard).why)) &&
    isListOf(value.remarks, isText)
  )
}

function isFile({ path, format, precision, parameters, remarks }: Json): boolean {
  return (
    isText(path) &&
    isText(format) &&
    isOptional(precision, isText) &&
    isOptional(parameters, isCount) &&
    isOptional(remarks, (list) => isListOf(list, isText))
  )
}

/** Without control characters: it is printed. */
function isText(value: unknown): value is string {
  return typeof value === 'string' && !/[\u0000-\u001f\u007f-\u009f]/.test(value)
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isOptional(value: unknown, isValid: (value: unknown) => boolean): boolean {
  return value === undefined || isValid(value)
}

function isListOf(value: unknown, isValid: (value: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(isValid)
}
