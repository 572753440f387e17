export { type Bandwidth, createBandwidth } from './bandwidth.ts'
export { readDocument } from './document.ts'
export { isDowngrade, mayLead } from './leads.ts'
export { linkTo } from './links.ts'
export { type Listening, listen } from './listen.ts'
export type { Network, TlsFiles } from './network.ts'
export { formatMetric, METRICS_TYPE, type MetricFamily, type Sample } from './prometheus.ts'
export type { Proxies } from './proxies.ts'
export { bodyOfRange } from './range-body.ts'
export * from './ranges.ts'
export { withRedirects } from './redirects.ts'
export { isRetryable, parseRetryAfter, type Refusal, readBeginning, refusalIn } from './refusal.ts'
export { type RetryOptions, retriedContent } from './retried-content.ts'
export { RETRY_DELAYS, type RetryDelays, waitToRetry, withRetries } from './retry.ts'
export {
  createTransport,
  type IncomingResponse,
  LONG_BODY,
  type OutgoingRequest,
  PATIENCE,
  type Patience,
  type Send,
  type TransportOptions,
} from './transport.ts'
export { unlessAborted } from './unless-aborted.ts'
