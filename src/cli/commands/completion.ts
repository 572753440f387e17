import { BallastError } from '../../core/index.ts'
import { defineVerb } from '../verb.ts'

const SHELLS = ['bash', 'zsh', 'fish'] as const

export type Shell = (typeof SHELLS)[number]

export const verb = defineVerb<[string]>({
  usage: 'completion <shell>',
  summary: 'print what makes a shell complete verbs, options and the models of the store',
  details:
    'SHELL is bash (4.4 or newer), zsh or fish. What is printed belongs into this file:\n' +
    '  bash   ~/.local/share/bash-completion/completions/ballast\n' +
    '         (of the package bash-completion)\n' +
    '  zsh    _ballast, in a directory of $fpath\n' +
    '         (with autoload -U compinit && compinit in ~/.zshrc)\n' +
    '  fish   ~/.config/fish/completions/ballast.fish\n' +
    'Or, in ~/.bashrc, and in ~/.zshrc behind compinit, the lines below. The script asks the command for each word, so it need not be ' +
    'made again when Ballast is updated. Of the store it reads names alone; it writes nothing and asks no network.',
  choices: { shell: SHELLS },
  examples: [
    'ballast completion fish | source',
    'source <(ballast completion bash)',
    'source <(ballast completion zsh)',
  ],
  async run(session, shell) {
    const known = SHELLS.find((one) => one === shell)
    if (known === undefined) {
      throw new BallastError('USAGE', `there is no completion for ${JSON.stringify(shell)}`, {
        hint: `write ${SHELLS.slice(0, -1).join(', ')} or ${SHELLS.at(-1)}: ballast completion bash`,
      })
    }
    const { completionScript } = await import('../completion-script.ts')
    const script = await completionScript(known)
    session.print({ shell: known, script }, () => script)
  },
})
