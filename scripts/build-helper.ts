import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * Builds the program that works inside volumes (src/docker/helper/volume-helper.c) for each platform, and writes the
 * bytes into a source file: `node scripts/build-helper.ts`. A test builds it again and compares.
 */
const SOURCE = fileURLToPath(new URL('../src/docker/helper/volume-helper.c', import.meta.url))
const RESULT = fileURLToPath(new URL('../src/docker/helper/binaries.ts', import.meta.url))

/** Debian 12. Another release of gcc may well make other bytes of the same meaning. */
export const COMPILER_VERSION = '12.2.0'

export const COMPILERS: Readonly<Record<string, string>> = {
  amd64: 'x86_64-linux-gnu-gcc',
  arm64: 'aarch64-linux-gnu-gcc',
}

const FLAGS = [
  ...[
    '-std=gnu11',
    '-Os',
    '-Wall',
    '-Wextra',
    '-Werror',
    '-ffreestanding',
    '-nostdlib',
    '-static',
    '-fno-pie',
  ],
  ...[
    '-no-pie',
    '-fno-stack-protector',
    '-fno-asynchronous-unwind-tables',
    '-fno-unwind-tables',
    '-fno-ident',
  ],
  ...['-Wl,--build-id=none', '-Wl,-z,noseparate-code', '-Wl,-z,noexecstack', '-Wl,-s'],
]

export function buildHelper(compiler: string): Buffer {
  const directory = mkdtempSync(join(tmpdir(), 'ballast-helper-'))
  try {
    const file = join(directory, 'helper')
    execFileSync(compiler, [...FLAGS, '-o', file, SOURCE], { stdio: ['ignore', 'inherit', 'inherit'] })
    return readFileSync(file)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const lines = Object.entries(COMPILERS).map(
    ([architecture, compiler]) => `  ${architecture}:\n    '${buildHelper(compiler).toString('base64')}',\n`,
  )
  writeFileSync(
    RESULT,
    `/** Made by scripts/build-helper.ts from volume-helper.c: programs for Linux by architecture, in base64. */\n` +
      `export const HELPER_BINARIES: Readonly<Record<string, string>> = {\n${lines.join('')}}\n`,
  )
}
