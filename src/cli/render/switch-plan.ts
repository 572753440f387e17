import type { SwitchPlan, SwitchStep } from '../../workflows/switch/plan.ts'
import { formatBytes } from './text.ts'

/** What runs now, and what a switch will do about it, with the bytes that move. */
export function describePlan({ app, to, runs, steps, notes }: SwitchPlan): string {
  return [
    `${app} now:`,
    ...runs.flatMap(({ name, image, models }) => [
      `  ${image === '' || image === name ? name : `${name}   ${image}`}`,
      ...models.map(
        ({ path, how, source, version }) =>
          `    ${path}   ${ways(how, source)}   ${version ?? 'of no known version'}`,
      ),
    ]),
    steps.length === 0 ? `to ${to}: nothing to do` : `to ${to}:`,
    ...steps.map((step, at) => `  ${at + 1}. ${describeStep(step)}`),
    ...notes.map((note) => `  ${note}`),
    '',
  ].join('\n')
}

type How = SwitchPlan['runs'][number]['models'][number]['how']

function ways(how: How, source: string): string {
  const from = {
    embedded: 'embedded in the image',
    copied: 'copied into the image by its Dockerfile',
    directory: `mounted from ${source}`,
    volume: `in the volume ${source}`,
    plugin: `in the volume ${source} of a plugin`,
    absent: 'not there',
  }
  return from[how]
}

function describeStep(step: SwitchStep): string {
  switch (step.do) {
    case 'capture':
      return `take the model out of ${step.from} as ${step.as}   ${moves(step.bytes)}`
    case 'leave out':
      return `make ${step.result}: ${step.from} without what is at ${step.paths.join(' and ')}   ${moves(step.bytes)}`
    case 'embed':
      return `embed ${step.models.join(' and ')} into ${step.base} as ${step.result}   ${moves(step.bytes)}`
    case 'deliver':
      return `deliver ${step.model} for ${step.path} to ${step.to}   ${moves(step.bytes)}`
    case 'replace':
      return `make ${step.container} anew from ${step.image}${changes(step)}   ${moves(step.bytes)}`
    case 'record':
      return `write ${step.environment}: ${step.to} into ${step.file}, where it is ${step.from}`
  }
}

function changes({ mounts, unmounts }: Extract<SwitchStep, { readonly do: 'replace' }>): string {
  const parts = [
    ...(unmounts.length === 0 ? [] : [`without the mount at ${unmounts.join(' and ')}`]),
    ...(mounts.length === 0 ? [] : [`with the model mounted at ${mounts.join(' and ')}`]),
  ]
  return parts.length === 0 ? '' : `, ${parts.join(', ')}`
}

function moves(bytes: number): string {
  return `[${bytes === 0 ? 'no bytes' : formatBytes(bytes)}]`
}
