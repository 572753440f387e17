import type { Answers } from './answers.ts'
import { type InputName, type Inputs, mapInputs } from './inputs.ts'
import { assumed, type Quantity } from './quantity.ts'

const MB = 1e6
const GB = 1e9
const MINUTE = 60
/** Seconds a byte of a link, from bits a second. */
const perByte = (bitsPerSecond: number): number => 8 / bitsPerSecond

type Assumption = readonly [value: number, range: readonly [low: number, high: number], from: string]

const ASSUMED: Readonly<Record<Exclude<InputName, 'modelBytes'>, Assumption>> = {
  modelUpdates: [30 / 7, [1 / 3, 30], 'once a week'],
  codeUpdates: [8, [2, 20], 'twice a week'],
  changedShare: [1, [0.5, 1], 'training changes every file of weights'],
  sentShare: [1, [0.5, 1], 'training changes every file of weights'],
  pulledShare: [1, [0.5, 1], 'training changes every file of weights'],
  imageBytes: [1 * GB, [0.2 * GB, 4 * GB], 'Python with a library for inference'],
  codeBytes: [20 * MB, [1 * MB, 200 * MB], 'the last steps of a Dockerfile'],
  copyRepeats: [0.25, [0.05, 1], 'builders without a cache, and COPY lines behind others that change'],
  nodes: [2, [1, 10], 'a small fleet'],
  replicas: [2, [1, 10], 'a container on each node'],
  apps: [1, [1, 1], 'one application'],
  tenants: [1, [1, 1], 'one variant'],
  coldStarts: [2, [0, 8], 'a new node now and then'],
  linkPerByte: [perByte(1e9), [perByte(10e9), perByte(0.5e9)], '1 Gbps'],
  uplinkPerByte: [perByte(1e9), [perByte(10e9), perByte(0.2e9)], '1 Gbps'],
  egressPerByte: [perByte(10e9), [perByte(100e9), perByte(2e9)], '10 Gbps for all'],
  pipeline: [3 * MINUTE, [0.5 * MINUTE, 15 * MINUTE], 'checkout, cached build, tests'],
  start: [10, [1, 120], 'a server that loads its model'],
  attention: [5 * MINUTE, [1 * MINUTE, 20 * MINUTE], 'somebody starts it and looks that it went well'],
  agreement: [15 * MINUTE, [5 * MINUTE, 60 * MINUTE], 'a ticket and its answer'],
  upkeep: [30 * MINUTE, [15 * MINUTE, 90 * MINUTE], 'updates, alarms, questions'],
  machine: [1, [0.5, 2], 'machines like the one that was measured'],
}

type Assumptions = Readonly<Partial<Record<InputName, Assumption>>>

const ASSUMED_LOCALLY: Assumptions = {
  modelUpdates: [60, [10, 200], 'a few trainings a day'],
  codeUpdates: [200, [50, 400], 'ten tries a day'],
  attention: [20, [10, 60], 'a build and a restart by the one who develops'],
  nodes: [1, [1, 1], 'the machine of the one who develops'],
  replicas: [1, [1, 1], 'the machine of the one who develops'],
  coldStarts: [0, [0, 0], 'the machine of the one who develops'],
}

const ASSUMED_BEFORE_PRODUCTION: Assumptions = {
  nodes: [1, [1, 3], 'fewer than in production'],
  replicas: [1, [1, 3], 'fewer than in production'],
}

function assumedThere({ local, environment }: Answers): Assumptions {
  if (local) return ASSUMED_LOCALLY
  return environment === 'production' ? {} : ASSUMED_BEFORE_PRODUCTION
}

type Known = Readonly<Partial<Record<InputName, Quantity>>>

/** Completes what is known by what is assumed, ranges included. The size of the model is never assumed. */
export function assumeInputs(said: Known & { readonly modelBytes: Quantity }, answers: Answers): Inputs {
  const known = { ...said, ...linkWithinEgress(said) }
  const there = assumedThere(answers)
  const plain = (name: InputName): Quantity => {
    if (name === 'modelBytes') return known.modelBytes
    const [value, range, from] = there[name] ?? ASSUMED[name]
    return assumed(value, range, from)
  }
  const derived = derive(known, answers, plain)
  return mapInputs((name) => known[name] ?? derived[name] ?? plain(name))
}

/** What follows from what is known, where nothing better is. */
function derive(
  known: Known,
  { local, environment, scaleToZero }: Answers,
  plain: (name: InputName) => Quantity,
): Known {
  const nodes = known.nodes ?? nodesOf(known, plain)
  const { low, value, high } = nodes
  const replicas =
    known.nodes === undefined
      ? undefined
      : assumed(value, [low, Math.max(high, 4 * value)], 'one container on each node')
  const starts = (each: Assumption): Quantity =>
    assumed(each[0] * value, [each[1][0] * low, each[1][1] * high], each[2])
  const coldStarts = scaleToZero
    ? starts([150, [30, 600], 'five a day from nothing, for each node'])
    : local || (known.nodes === undefined && environment !== 'staging')
      ? undefined
      : starts([1, [0, 4], 'one a month for each node'])
  return {
    ...partsOfImage(known, plain),
    nodes,
    ...(replicas && { replicas }),
    ...(coldStarts && { coldStarts }),
    ...(known.changedShare && {
      sentShare: sentShareOf(known.changedShare),
      pulledShare: pulledShareOf(known.changedShare),
    }),
    ...linksOf(known, plain),
  }
}

/** There are no more nodes than containers. */
function nodesOf({ replicas }: Known, plain: (name: InputName) => Quantity): Quantity {
  const nodes = plain('nodes')
  return replicas === undefined ? nodes : limited(nodes, (figure, end) => Math.min(figure, replicas[end]))
}

/** One node gets no more than all of them together. */
function linkWithinEgress({ linkPerByte, egressPerByte }: Known): Known {
  if (linkPerByte === undefined || egressPerByte === undefined) return {}
  const link = limited(linkPerByte, (figure, end) => Math.max(figure, egressPerByte[end]))
  const isLess = link.value > linkPerByte.value
  return isLess ? { linkPerByte: { ...link, from: `${link.from}, no more than ${egressPerByte.from}` } } : {}
}

function linksOf({ linkPerByte, egressPerByte }: Known, plain: (name: InputName) => Quantity): Known {
  if (linkPerByte === undefined) {
    const slowest = egressPerByte
    return slowest === undefined
      ? {}
      : { linkPerByte: limited(plain('linkPerByte'), (figure, end) => Math.max(figure, slowest[end])) }
  }
  const { value, low, high } = linkPerByte
  const uplink = plain('uplinkPerByte')
  const range = [Math.min(low, uplink.low), Math.max(high, uplink.high)] as const
  return {
    uplinkPerByte: assumed(value, range, 'as the link of a node'),
    // A link that was measured may be too fast to be told from none.
    ...(linkPerByte.origin === 'given' && {
      egressPerByte: limited(plain('egressPerByte'), (figure, end) => Math.min(figure, linkPerByte[end])),
    }),
  }
}

/** Large files have layers of their own; whether these are large is not known. */
function sentShareOf({ value, low }: Quantity): Quantity {
  return assumed(
    value,
    [low, 1],
    'files of 64 MiB and more have layers of their own, smaller ones share some',
  )
}

/** A new version of the code never replaces more than the image: what is assumed gives way to what is known. */
function partsOfImage(known: Known, plain: (name: InputName) => Quantity): Known {
  const { imageBytes, codeBytes } = known
  if (codeBytes === undefined) {
    const most = imageBytes ?? plain('imageBytes')
    return { codeBytes: limited(plain('codeBytes'), (figure, end) => Math.min(figure, most[end])) }
  }
  if (imageBytes !== undefined) return {}
  return { imageBytes: limited(plain('imageBytes'), (figure, end) => Math.max(figure, codeBytes[end])) }
}

function limited(
  quantity: Quantity,
  limit: (figure: number, end: 'low' | 'value' | 'high') => number,
): Quantity {
  const { low, value, high } = quantity
  return { ...quantity, low: limit(low, 'low'), value: limit(value, 'value'), high: limit(high, 'high') }
}

/** A node pulls what lies above the first layer that changed too: from nothing more to everything. */
function pulledShareOf({ value, low }: Quantity): Quantity {
  return assumed(
    (value + Math.min(1, 1.5 * value)) / 2,
    [low, 1],
    'what lies above a changed layer is pulled too',
  )
}
