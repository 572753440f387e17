import assert from 'node:assert/strict'
import { test } from 'node:test'
import { redactCommand } from './redact-command.ts'

test('values of options and variables that are called like secrets are hidden, and nothing else', () => {
  const words = [
    ...['python', 'eval.py', '--api-key', 'k1', '--hf-token=t2', '-password', 'p3', '--max-tokens', '512'],
    ...['--tokenizer', 'bpe', '--token', '--verbose', 'sh', '-c', 'DB_PASSWORD="a b" TOKEN=x y --seed=1'],
    'https://user:word@host/file',
  ]
  assert.equal(
    redactCommand(words).join(' '),
    'python eval.py --api-key *** --hf-token=*** -password *** --max-tokens 512 --tokenizer bpe --token --verbose ' +
      'sh -c DB_PASSWORD=*** TOKEN=*** y --seed=1 https://***@host/file',
  )
})
