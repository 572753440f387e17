/** How a model reaches the predictor: an image volume, a sidecar image, or a download into the pod. */
export type PublishedScheme = 'oci+native' | 'modelcar' | 's3'

/** One cell of a published table: median seconds from applying the service to its first prediction. */
export interface PublishedStart {
  readonly scheme: PublishedScheme
  /** Size of the model in bytes; the source writes whole GB, read here as 10^9 bytes. */
  readonly modelBytes: number
  /** The node holds nothing of the model. */
  readonly coldSeconds: number
  /** The image is already on the node; for `s3` there is no cache on the node, each start downloads again. */
  readonly warmSeconds: number
}

export interface PublishedTable {
  readonly source: string
  /** Where the authors put method, scripts and raw data. */
  readonly data: string
  readonly nodes: number
  /** Throughput the one disk was provisioned with, bytes a second, reads and writes together. */
  readonly diskBytesPerSecond: number
  readonly diskOperationsPerSecond: number
  readonly memoryBytes: number
  readonly processors: number
  /** Registry and object store ran on the same machine and the same disk as the predictor. */
  readonly storesShareTheDisk: boolean
  readonly versions: { readonly kubernetes: string; readonly containerd: string }
  readonly starts: readonly PublishedStart[]
}

/**
 * KServe's measured starts of its three ways to deliver a model, from the README of its sample
 * "OCI Image Volume storage" (added by kserve pull request 5852).
 *
 * Known of the setting: one AWS m6i.2xlarge (8 processors, 32 GB memory) with one 1 TB gp3 volume at its
 * default 3,000 operations and 125 MiB a second; a kind cluster with control plane, registry, object store
 * and predictor all on it, so that no network is measured and every read of the registry takes from the same
 * disk as the write of the pull; medians of 5 to 10 repetitions. The authors call the 140 GB row bound by the
 * disk, and say that the proportions are the result that lasts, not the seconds.
 *
 * Not known from the table or its text: how many files and layers the model has and whether the layers are
 * compressed, whether the page cache was dropped between runs, how much of a start is the predictor's own
 * (140 GB do not fit the machine's memory, so the model is hardly loaded whole), and the spread of each cell.
 * The table itself shows the spread to be wide: of the two schemes that pull an image the sidecar is slower
 * by half at 2 GB cold, faster by a fifth at 14 GB and equal at 140 GB, and `s3` at 140 GB is slower warm than
 * cold although it does the same work. At the provisioned rate 140 GB pass the disk once in 1,068 s: an image
 * takes 4.3 such passes and a download 2.2, of which one each is presumably the reading of the store.
 */
export const KSERVE_STARTS: PublishedTable = {
  source: 'https://github.com/kserve/kserve/pull/5852',
  data: 'https://github.com/kliukovkin/oci-model-delivery-bench',
  nodes: 1,
  diskBytesPerSecond: 125 * 1024 * 1024,
  diskOperationsPerSecond: 3000,
  memoryBytes: 32e9,
  processors: 8,
  storesShareTheDisk: true,
  versions: { kubernetes: '1.36.1', containerd: '2.3.1' },
  starts: [
    { scheme: 'oci+native', modelBytes: 2e9, coldSeconds: 38.6, warmSeconds: 11.5 },
    { scheme: 'oci+native', modelBytes: 14e9, coldSeconds: 443.4, warmSeconds: 11.4 },
    { scheme: 'oci+native', modelBytes: 140e9, coldSeconds: 4585.5, warmSeconds: 11.7 },
    { scheme: 'modelcar', modelBytes: 2e9, coldSeconds: 59.6, warmSeconds: 15.4 },
    { scheme: 'modelcar', modelBytes: 14e9, coldSeconds: 363.3, warmSeconds: 15.2 },
    { scheme: 'modelcar', modelBytes: 140e9, coldSeconds: 4603.0, warmSeconds: 15.8 },
    { scheme: 's3', modelBytes: 2e9, coldSeconds: 39.6, warmSeconds: 30.0 },
    { scheme: 's3', modelBytes: 14e9, coldSeconds: 137.8, warmSeconds: 128.4 },
    { scheme: 's3', modelBytes: 140e9, coldSeconds: 2318.8, warmSeconds: 2441.6 },
  ],
}
