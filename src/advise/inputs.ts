import type { Quantity } from './quantity.ts'

/** How a figure is written for people: `perByte` is kept as seconds a byte and shown as bytes a second. */
export type Unit = 'bytes' | 'perMonth' | 'count' | 'share' | 'perByte' | 'seconds' | 'factor'

export interface InputKind {
  readonly what: string
  readonly unit: Unit
  /** The option of `ballast advise` that gives it; what has none is measured or assumed. */
  readonly flag?: string
}

/**
 * Everything the costs depend on, as figures. Bytes, seconds, events in a month of 30 days, and shares from 0 to 1;
 * rates of transfer are their inverse, seconds a byte, so that every cost is linear in each of them.
 */
const INPUTS = {
  modelBytes: { what: 'size of the model', unit: 'bytes', flag: '--size' },
  modelUpdates: { what: 'new versions of the model', unit: 'perMonth', flag: '--updates' },
  changedShare: { what: 'of the model, in files that an update changes', unit: 'share', flag: '--changed' },
  sentShare: {
    what: 'of the embedded model, in layers that an update replaces',
    unit: 'share',
  },
  pulledShare: {
    what: 'of the embedded model, that a node pulls on an update',
    unit: 'share',
  },
  codeUpdates: { what: 'new versions of the code', unit: 'perMonth', flag: '--code-updates' },
  imageBytes: { what: 'size of the image without the model', unit: 'bytes', flag: '--image-size' },
  codeBytes: {
    what: 'of the image, that a new version of the code replaces',
    unit: 'bytes',
    flag: '--code-size',
  },
  copyRepeats: {
    what: 'of the builds, that write the layer of COPY again although the model is the same',
    unit: 'share',
    flag: '--copy-repeats',
  },
  nodes: { what: 'nodes that run the application', unit: 'count', flag: '--nodes' },
  replicas: { what: 'containers of the application', unit: 'count', flag: '--replicas' },
  apps: { what: 'applications with the same model on these nodes', unit: 'count', flag: '--apps' },
  tenants: { what: 'variants of the model, each served on its own', unit: 'count', flag: '--tenants' },
  coldStarts: { what: 'starts on nodes that have nothing yet', unit: 'perMonth', flag: '--cold-starts' },
  linkPerByte: { what: "a node's link to registry and store", unit: 'perByte', flag: '--link' },
  uplinkPerByte: { what: 'link of the machine that publishes', unit: 'perByte', flag: '--uplink' },
  egressPerByte: {
    what: 'what registry or store deliver to all nodes together',
    unit: 'perByte',
    flag: '--egress',
  },
  pipeline: { what: 'a run of the build pipeline, without the model', unit: 'seconds', flag: '--pipeline' },
  start: { what: 'start of the application until it serves', unit: 'seconds', flag: '--start' },
  attention: { what: 'work of people for a redeploy', unit: 'seconds', flag: '--attention' },
  agreement: {
    what: 'work of people to agree on a release with another team',
    unit: 'seconds',
    flag: '--agreement',
  },
  upkeep: { what: 'work of people a month for one thing more to run', unit: 'seconds', flag: '--upkeep' },
  machine: { what: 'time of the machines against those that were measured', unit: 'factor' },
} as const satisfies Readonly<Record<string, InputKind>>

export type InputName = keyof typeof INPUTS
export const INPUT_NAMES = Object.keys(INPUTS) as readonly InputName[]

export type Inputs = Readonly<Record<InputName, Quantity>>
export type Numbers = Readonly<Record<InputName, number>>

export function kindOf(name: InputName): InputKind {
  return INPUTS[name]
}

export function numbersOf(inputs: Inputs): Numbers {
  return mapInputs((name) => inputs[name].value)
}

export function mapInputs<T>(make: (name: InputName) => T): Readonly<Record<InputName, T>> {
  return Object.fromEntries(INPUT_NAMES.map((name) => [name, make(name)])) as Record<InputName, T>
}
