import type { InitResult } from '../../workflows/init.ts'
import { engineChoice } from '../engine-choice.ts'
import { defineVerb } from '../verb.ts'

interface InitOptions {
  readonly model?: string
  readonly image?: string
  readonly path?: string
}

export const verb = defineVerb<[string | undefined, InitOptions]>({
  usage: 'init [directory]',
  summary: 'write ballast.yaml and a Compose file for an application, from its Dockerfile and Compose file',
  details:
    'Looks for the place of the model in COPY lines, volumes, environment variables and the code, and says what it has ' +
    'recognised. No file that is there is changed: what to add to it, or to delete from it, is printed.',
  options: [
    [
      '--model <ref>',
      'the model that the application uses (default: named after its file, as sentiment:prod)',
    ],
    ['--image <image>', 'the image of the application, which is looked at as well'],
    ['--path <path>', "the model's directory in the container"],
  ],
  examples: ['ballast init', 'ballast init ./my_ml_app --model sentiment:prod --path /app/models'],
  async run(session, directory = '.', options) {
    const { init } = await import('../../workflows/init.ts')
    const request = { directory, ...options, engine: engineChoice(session.io) }
    const result = await init(request, session)
    session.print(result, () => describe(result))
  },
})

function describe({ recognised, written, left, next }: InitResult): string {
  return [
    'recognised:',
    ...recognised.map((line) => `  ${line}`),
    written.length === 0 ? 'nothing was written' : `written: ${written.join(', ')}`,
    ...left.flatMap(({ file, add }) => [
      `${file} is there and was left as it is; add to it:`,
      ...add
        .trimEnd()
        .split('\n')
        .map((line) => `    ${line}`),
    ]),
    'next:',
    ...next.map((line) => `  ${line}`),
    '',
  ].join('\n')
}
