/** What is measured, under one name. */
export interface MetricFamily {
  readonly name: string
  readonly type: 'gauge' | 'counter'
  /** One line for people. */
  readonly help: string
}

export interface Sample {
  readonly labels?: Readonly<Record<string, string>>
  readonly value: number
}

/** A family with its samples, in Prometheus' text format 0.0.4. */
export function formatMetric({ name, type, help }: MetricFamily, samples: readonly Sample[]): string {
  const lines = samples.map(({ labels = {}, value }) => {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`)
    return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}\n`
  })
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`
}

/** The type of a document of such families. */
export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** A label's value: a backslash, a quote and an end of line are written with a backslash. */
function escaped(text: string): string {
  return text.replace(/[\\"\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`))
}
