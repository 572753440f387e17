import { BallastError } from '../../core/index.ts'
import type { SwitchPlan, SwitchResult } from '../../workflows/switch/switch.ts'
import { cacheDirectory } from '../cache-directory.ts'
import { commandGuard } from '../command-guard.ts'
import { imageAccess } from '../image-access.ts'
import { describePlan } from '../render/switch-plan.ts'
import { formatBytes } from '../render/text.ts'
import { defineVerb } from '../verb.ts'

interface SwitchFlags {
  readonly to?: string
  readonly env?: string
  readonly dryRun?: boolean
  readonly plainHttp?: string
  readonly allowCommands?: boolean
}

export const verb = defineVerb<[string, SwitchFlags]>({
  usage: 'switch <app>',
  summary:
    'move an application of ballast.yaml to the other strategy: its models mounted, or embedded in its image',
  details:
    'Shows what will be done, then makes each running container of the application anew, with everything as it was but ' +
    'for where the model comes from. The former one is kept until the new one is ready (reload.ready of ballast.yaml, else its ' +
    'HEALTHCHECK, else a few seconds) and serves the same version at the same path; what fails, or is interrupted, is undone. ' +
    'What a container has written in itself, outside of its volumes, does not come along.\n' +
    'Where no container runs it, the image in its registry gets the model in TAG-with-model, or the directory of its target gets ' +
    'it, and what to deploy is printed. Services of Compose are left to Compose, with the file and the commands.\n' +
    'In the end ballast.yaml says so, where it names a strategy.',
  options: [
    ['--to <strategy>', 'mount or embed', undefined, ['mount', 'embed']],
    ['--env <environment>', 'whose strategy in ballast.yaml changes, where there are several'],
    ['--dry-run', 'show what would be done, and change nothing'],
    ['--allow-commands', 'run the command of ready in ballast.yaml; remembered until it changes'],
    ['--plain-http <host>', 'a registry without TLS, beside those on this machine (several: A,B)'],
  ],
  examples: [
    'ballast switch sentiment-api --to mount --dry-run',
    'ballast switch sentiment-api --to mount --env production',
    'ballast switch sentiment-api --to embed',
  ],
  movesBytes: true,
  async run(session, app, { to, env, dryRun = false, plainHttp, allowCommands = false }) {
    const { io } = session
    const { switchApp } = await import('../../workflows/switch/switch.ts')
    const request = {
      app,
      to: parseWay(to),
      environment: env,
      directory: '.',
      cacheDirectory: cacheDirectory(io),
      access: imageAccess(io, { plainHttp }),
      guard: commandGuard(session, { allow: allowCommands }),
    }
    const showPlan = (plan: SwitchPlan): void => {
      if (!dryRun) session.note(describePlan(plan).trimEnd())
    }
    const result = await switchApp(await session.store(), request, {
      ...session,
      dryRun,
      onPlan: showPlan,
      onStep: session.note,
    })
    for (const warning of result.warnings) session.note(`warning: ${warning}`)
    session.print(result, () => (dryRun ? describeDryRun(result) : describe(result)))
  },
})

function parseWay(text: string | undefined): 'mount' | 'embed' {
  if (text === 'mount' || text === 'embed') return text
  throw new BallastError(
    'USAGE',
    text === undefined ? 'to which strategy?' : `--to ${text}: there is no such strategy`,
    {
      hint: 'choose --to mount or --to embed',
    },
  )
}

function describeDryRun({ plan, compose }: SwitchResult): string {
  if (compose === undefined) return describePlan(plan)
  const lines = compose.text.trimEnd().split('\n')
  return [
    `${describePlan(plan).trimEnd()}`,
    `${compose.service} is a service of Compose, which makes its containers itself: write ${compose.file}`,
    ...lines.map((line) => `    ${line}`),
    'and run:',
    ...compose.commands.map((command) => `    ${command}`),
    '',
  ].join('\n')
}

function describe({ plan, replaced, bytesMoved, deploy }: SwitchResult): string {
  const { app, to } = plan
  const how = to === 'embed' ? 'embedded' : 'mounted'
  const moved = `${formatBytes(bytesMoved)} moved`
  if (deploy !== undefined) return `${app}: the model is ${how}, checked; ${moved}\n${deploy}\n`
  if (replaced.length === 0) return `${app}: nothing to do, its models are ${how} already\n`
  const names = replaced.map(({ name, image }) => `  ${name}   ${image}\n`).join('')
  return `${app}: the model is ${how}, the same version at the same path; ${moved}\n${names}`
}
