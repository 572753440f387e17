import { type Answers, keepsByDigest } from './answers.ts'
import type { Numbers } from './inputs.ts'
import type { Way, WayName } from './ways.ts'

/** Where bytes lie, and how often something is built or started anew. Bytes; events a month. */
export interface Storage {
  /** The image as nodes unpack it. */
  readonly imageBytes: number
  /** What a month of updates adds to registry, store or source. */
  readonly keptPerMonth: number
  /** On one node, for all applications and variants, without former versions. */
  readonly nodeBytes: number
  readonly buildsPerMonth: number
  /** Of the application, by people, because the model is another. */
  readonly redeploysPerMonth: number
}

export function storageOf({ name, strategy }: Way, answers: Answers, numbers: Numbers): Storage {
  const { modelBytes, imageBytes, modelUpdates, tenants, apps, codeUpdates } = numbers
  const updates = modelUpdates * tenants
  const redeployed = strategy === 'embed' || name === 'download' || answers.coupling === 'tight'
  return {
    imageBytes: strategy === 'embed' ? imageBytes + modelBytes : imageBytes,
    keptPerMonth: KEPT[name](numbers),
    nodeBytes: imageBytes * apps + modelBytes * tenants * copiesOf(name, answers, numbers),
    buildsPerMonth: codeUpdates + (name === 'copy' ? updates * apps : 0),
    redeploysPerMonth: redeployed ? updates * apps : 0,
  }
}

const changedFiles = ({ modelBytes, changedShare, modelUpdates, tenants }: Numbers): number =>
  modelBytes * changedShare * modelUpdates * tenants

const changedLayers = ({ modelBytes, sentShare, modelUpdates, tenants }: Numbers): number =>
  modelBytes * sentShare * modelUpdates * tenants

const KEPT: Readonly<Record<WayName, (numbers: Numbers) => number>> = {
  copy: ({ modelBytes, modelUpdates, tenants, apps, codeUpdates, copyRepeats }) =>
    modelBytes * tenants * (modelUpdates * apps + codeUpdates * copyRepeats),
  'embed-top': changedLayers,
  'embed-bottom': changedLayers,
  'by-hand': () => 0,
  download: ({ modelBytes, modelUpdates, tenants }) => modelBytes * modelUpdates * tenants,
  'mount-volume': changedFiles,
  'mount-plugin': changedFiles,
}

/** How often a node has a model's bytes. */
function copiesOf(name: WayName, answers: Answers, { apps, replicas, nodes }: Numbers): number {
  // containerd keeps the layer as it came and what was unpacked of it.
  const unpacked = keepsByDigest(answers) ? 2 : 1
  switch (name) {
    case 'copy':
      return apps * unpacked
    case 'embed-top':
      return keepsByDigest(answers) ? unpacked : apps
    case 'embed-bottom':
      return unpacked
    case 'download':
      return Math.max(1, replicas / nodes) * apps
    case 'mount-volume':
      // The node's store and what containers see, which they can share.
      return 2
    default:
      return 1
  }
}
