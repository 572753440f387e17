import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Meaning, violationsOf } from './rules.ts'
import { parseTrace } from './trace.ts'

/** Traces as strace prints them, each of which breaks one rule, beside one that breaks none. */

const BLOB = '/s/blobs/b'
const MANIFEST = '/s/blobs/m'
const TAG = '/s/tags/t'

const meaning: Meaning = {
  isKept: (path) => path.startsWith('/s/') && !path.startsWith('/s/tmp'),
  references: (path) => ({ [MANIFEST]: [BLOB], [TAG]: [MANIFEST] })[path] ?? [],
  formerReferences: new Map(),
  stoodBefore: (path) => ['/s', '/s/blobs', '/s/tags', '/s/tmp'].includes(path),
  replacedBy: (path) => (path.startsWith('/source/') ? [TAG] : []),
}

const write = (path: string): string[] => [
  `openat(AT_FDCWD</>, "${path}", O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC, 0666) = 17<${path}>`,
  `pwrite64(17<${path}>, "{\\"/s/x\\":"..., 10, 0) = 10`,
]
const sync = (path: string): string => `fsync(17<${path}>) = 0`
const rename = (from: string, to: string): string => `rename("${from}", "${to}") = 0`
const link = (from: string, to: string): string => `link("${from}", "${to}") = 0`
const unlink = (path: string): string => `unlink("${path}") = 0`

/** Blob, manifest and tag, as they should be. */
const RIGHT: readonly string[] = [
  ...write('/s/tmp/1'),
  sync('/s/tmp/1'),
  rename('/s/tmp/1', BLOB),
  sync('/s/blobs'),
  ...write('/s/tmp/2'),
  sync('/s/tmp/2'),
  rename('/s/tmp/2', MANIFEST),
  sync('/s/blobs'),
  ...write('/s/tmp/3'),
  sync('/s/tmp/3'),
  link('/s/tmp/3', TAG),
  unlink('/s/tmp/3'),
  sync('/s/tags'),
]

function rulesBroken(lines: readonly string[], given: Partial<Meaning> = {}): readonly string[] {
  const text = lines.map((line) => (/^\d/.test(line) ? line : `100 ${line}`)).join('\n')
  return violationsOf(parseTrace(`${text}\n`), { ...meaning, ...given }).map(
    ({ rule, path }) => `${rule} ${path}`,
  )
}

/** RIGHT without the n-th line that is `line`. */
function without(line: string, occurrence = 1): readonly string[] {
  let seen = 0
  return RIGHT.filter((candidate) => candidate !== line || ++seen !== occurrence)
}

test('a trace in the right order breaks no rule', () => {
  assert.deepEqual(rulesBroken(RIGHT), [])
})

test('data: a name before the sync of the bytes, by rename and by link', () => {
  assert.deepEqual(rulesBroken(without(sync('/s/tmp/1')))[0], `data ${BLOB}`)
  assert.deepEqual(rulesBroken(without(sync('/s/tmp/3')))[0], `data ${TAG}`)
})

test('data: a write after the sync, and a sync that had begun before the write', () => {
  const late = RIGHT.flatMap((line) =>
    line === sync('/s/tmp/1') ? [line, 'write(17</s/tmp/1>, "x", 1) = 1'] : [line],
  )
  assert.equal(rulesBroken(late)[0], `data ${BLOB}`)
  const meanwhile = RIGHT.flatMap((line) =>
    line === sync('/s/tmp/1')
      ? [
          '101 fsync(17</s/tmp/1> <unfinished ...>',
          '100 write(17</s/tmp/1>, "x", 1) = 1',
          '101 <... fsync resumed>) = 0',
        ]
      : [line],
  )
  assert.equal(rulesBroken(meanwhile)[0], `data ${BLOB}`)
})

test('data: a reflink and a copy in the kernel are writes', () => {
  for (const call of [
    'ioctl(17</s/tmp/1>, BTRFS_IOC_CLONE or FICLONE, 18</s/blobs/x>) = 0',
    'copy_file_range(18</s/blobs/x>, [0], 17</s/tmp/1>, [0], 10, 0) = 10',
    'sendfile(17</s/tmp/1>, 18</s/blobs/x>, [0], 10) = 10',
    'ftruncate(17</s/tmp/1>, 5) = 0',
  ]) {
    const late = RIGHT.flatMap((line) => (line === sync('/s/tmp/1') ? [line, call] : [line]))
    assert.equal(rulesBroken(late)[0], `data ${BLOB}`, call)
  }
})

test('reference: the directory is not synced before what refers to the name', () => {
  assert.deepEqual(rulesBroken(without(sync('/s/blobs'), 1)), [`reference ${MANIFEST}`])
  assert.deepEqual(rulesBroken(without(sync('/s/blobs'), 2)), [`reference ${TAG}`, `end ${MANIFEST}`])
})

test('reference: a sync that had begun before the rename was done counts for nothing', () => {
  const overlapping = RIGHT.flatMap((line) => {
    if (line === rename('/s/tmp/1', BLOB)) return ['101 fsync(17</s/blobs> <unfinished ...>', line]
    return line === sync('/s/blobs') ? ['101 <... fsync resumed>) = 0'] : [line]
  })
  assert.equal(rulesBroken(overlapping)[0], `reference ${MANIFEST}`)
})

test('reference: the manifest is there before its blob, or the blob never comes', () => {
  const [blob, manifest, tag] = [RIGHT.slice(0, 5), RIGHT.slice(5, 10), RIGHT.slice(10)]
  assert.deepEqual(rulesBroken([...manifest, ...blob, ...tag]), [`reference ${MANIFEST}`])
  assert.deepEqual(rulesBroken([...manifest, ...tag]), [`reference ${MANIFEST}`])
  const before = { stoodBefore: (path: string) => path === BLOB }
  assert.deepEqual(rulesBroken([...manifest, ...tag], before), [])
  assert.deepEqual(rulesBroken([unlink(BLOB), ...manifest, ...tag], before), [`reference ${MANIFEST}`])
})

test('a call that failed has done nothing', () => {
  const failed = RIGHT.map((line) => (line === sync('/s/tmp/2') ? line.replace('= 0', '= -1 EIO') : line))
  assert.equal(rulesBroken(failed)[0], `data ${MANIFEST}`)
  const exists = link('/s/tmp/9', TAG).replace('= 0', '= -1 EEXIST (File exists)')
  assert.deepEqual(rulesBroken([exists, ...RIGHT]), [])
})

test('directory: a name in a directory that could be lost itself', () => {
  const made = ['mkdir("/s/new", 0777) = 0', ...write('/s/tmp/4'), sync('/s/tmp/4')]
  const named = [rename('/s/tmp/4', '/s/new/x'), sync('/s/new')]
  assert.deepEqual(rulesBroken([...made, ...named, sync('/s')]), ['directory /s/new/x'])
  assert.deepEqual(rulesBroken([...made, ...named]), ['directory /s/new/x', 'end /s/new', 'end /s/new/x'])
  assert.deepEqual(rulesBroken([...made, sync('/s'), ...named]), [])
})

test('in-place: a kept name is written to', () => {
  assert.deepEqual(rulesBroken(['pwrite64(17</s/blobs/b>, ""..., 9, 0) = 9']), [`in-place ${BLOB}`])
  const opened = `openat(AT_FDCWD</>, "${BLOB}", O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC, 0666) = 17<${BLOB}>`
  assert.deepEqual(rulesBroken([opened, sync(BLOB), sync('/s/blobs')]), [
    `in-place ${BLOB}`,
    `in-place ${BLOB}`,
  ])
})

test('tree: a directory is renamed before all that is in it is synced', () => {
  const tree = [
    'mkdir("/s/tmp/tree", 0777) = 0',
    'mkdir("/s/tmp/tree/deep", 0777) = 0',
    ...write('/s/tmp/tree/deep/f'),
    sync('/s/tmp/tree/deep/f'),
    sync('/s/tmp/tree/deep'),
    sync('/s/tmp/tree'),
    rename('/s/tmp/tree', '/s/target'),
    sync('/s'),
  ]
  assert.deepEqual(rulesBroken(tree), [])
  for (const forgotten of ['/s/tmp/tree/deep/f', '/s/tmp/tree/deep', '/s/tmp/tree']) {
    const broken = rulesBroken(tree.filter((line) => line !== sync(forgotten)))
    assert.equal(broken[0], 'tree /s/target', forgotten)
  }
  assert.deepEqual(rulesBroken(tree.slice(0, -1)), ['end /s/target'])
})

test('removal: what is referred to goes first, or before the other is gone for good', () => {
  const formerReferences = new Map([[MANIFEST, [BLOB]]])
  const given = { formerReferences, references: () => [] }
  assert.deepEqual(rulesBroken([unlink(MANIFEST), sync('/s/blobs'), unlink(BLOB)], given), [])
  assert.deepEqual(rulesBroken([unlink(BLOB), unlink(MANIFEST)], given), [`removal ${BLOB}`])
  assert.deepEqual(rulesBroken([unlink(MANIFEST), unlink(BLOB)], given), [`removal ${BLOB}`])
})

test('removal: what a link led to goes before the link leads elsewhere for good', () => {
  const swap = ['symlink("new", "/s/tmp/l") = 0', rename('/s/tmp/l', '/s/link')]
  const given = { formerReferences: new Map([['/s/link', ['/s/old/f']]]), references: () => [] }
  assert.deepEqual(rulesBroken([...swap, sync('/s'), unlink('/s/old/f')], given), [])
  assert.deepEqual(rulesBroken([...swap, unlink('/s/old/f'), sync('/s')], given), ['removal /s/old/f'])
})

test('moved: a source goes before the tag of what it became is durable', () => {
  assert.deepEqual(rulesBroken([...RIGHT, unlink('/source/f')]), [])
  assert.deepEqual(rulesBroken([...RIGHT.slice(0, -1), unlink('/source/f'), sync('/s/tags')]), [
    'moved /source/f',
  ])
  assert.deepEqual(rulesBroken([unlink('/source/f'), ...RIGHT]), ['moved /source/f'])
})

test('end: the command ends before its last name is durable', () => {
  assert.deepEqual(rulesBroken(without(sync('/s/tags'))), [`end ${TAG}`])
})

test('names after a directory, calls in two lines, and calls that a trace may not have', () => {
  const at = 'unlinkat(5</s/blobs>, "b", 0) = 0'
  const cut = [
    '101 rename("/s/a" <unfinished ...>',
    '102 fsync(4</x>) = 0',
    '101 <... rename resumed>, "/s/c") = 0',
  ]
  assert.deepEqual(
    parseTrace([`7 ${at}`, ...cut, ''].join('\n')).map(({ kind, path }) => `${kind} ${path}`),
    ['remove /s/blobs/b', 'rename /s/c', 'sync /x'],
  )
  const ring = '7 io_uring_setup(64, {flags=IORING_SETUP_SQPOLL}) = 5<anon_inode:[io_uring]>'
  assert.throws(() => parseTrace(`${ring}\n`), /io_uring/)
})
