import { formatMetric, METRICS_TYPE } from '../../http/index.ts'
import type { Answer } from './answer.ts'

/** One request, once its answer is sent or its client is gone. */
export interface Observed {
  readonly method: string
  /** What kind of thing was asked for: never a name, or there would be a metric for each. */
  readonly route: string
  readonly status: number
  readonly seconds: number
  /** In bytes, as they went over the connection. */
  readonly received: number
  readonly sent: number
}

export interface RegistryMetrics {
  /** Of requests that are being answered. */
  readonly running: number
  begin(): void
  end(observed: Observed): void
  answer(): Answer
}

interface Count {
  requests: number
  seconds: number
}

const METHODS = ['GET', 'HEAD', 'PUT', 'POST', 'PATCH', 'DELETE']

/** Counts since the process began, for Prometheus. */
export function createMetrics(): RegistryMetrics {
  const counts = new Map<string, Count & { readonly labels: Readonly<Record<string, string>> }>()
  let running = 0
  let received = 0
  let sent = 0
  return {
    get running() {
      return running
    },
    begin() {
      running++
    },
    end(observed) {
      running--
      received += observed.received
      sent += observed.sent
      const method = METHODS.includes(observed.method) ? observed.method : 'other'
      const labels = { method, route: observed.route, status: `${observed.status}` }
      const key = JSON.stringify(labels)
      const count = counts.get(key) ?? { labels, requests: 0, seconds: 0 }
      counts.set(key, count)
      count.requests++
      count.seconds += observed.seconds
    },
    answer() {
      const each = [...counts.values()]
      const text = [
        formatMetric(
          { name: 'ballast_registry_requests_total', type: 'counter', help: 'Requests that were answered.' },
          each.map(({ labels, requests }) => ({ labels, value: requests })),
        ),
        formatMetric(
          { name: 'ballast_registry_request_seconds_total', type: 'counter', help: 'Time that they took.' },
          each.map(({ labels, seconds }) => ({ labels, value: seconds })),
        ),
        one('ballast_registry_requests_running', {
          type: 'gauge',
          help: 'Requests that are being answered.',
          value: running,
        }),
        one('ballast_registry_received_bytes_total', {
          type: 'counter',
          help: 'Bytes that clients have sent.',
          value: received,
        }),
        one('ballast_registry_sent_bytes_total', {
          type: 'counter',
          help: 'Bytes that clients have taken.',
          value: sent,
        }),
        one('process_resident_memory_bytes', {
          type: 'gauge',
          help: 'Memory of the process.',
          value: process.memoryUsage.rss(),
        }),
      ].join('')
      return { status: 200, headers: { 'content-type': METRICS_TYPE }, body: Buffer.from(text) }
    },
  }
}

function one(
  name: string,
  {
    type,
    help,
    value,
  }: { readonly type: 'gauge' | 'counter'; readonly help: string; readonly value: number },
): string {
  return formatMetric({ name, type, help }, [{ value }])
}
