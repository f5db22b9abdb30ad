// Stream names are data: any text without control characters of at most 512 UTF-8 bytes,
// told apart byte by byte, ordered as UTF-8 bytes.

import { deepEqual, equal } from 'node:assert/strict'
import { limits } from '../../limits.ts'
import { dropAll, events, heads, only, put, putMany, seqs, streamNames, under } from './batches.ts'
import { byteOrder } from './check.ts'
import { type CaseDefinition, caseGroup, persistent, reopened } from './scene.ts'

const peculiar: readonly (readonly [what: string, name: string])[] = [
  ['letters beyond ASCII', 'straße/Ωmega'],
  ['an astral character', '\u{1F600}/\u{10FFFF}'],
  ['a combining accent', 'cafe\u0301'],
  ['a path that climbs', '../../etc/passwd'],
  ['an absolute path', '/dev/null'],
  ['backslashes and a drive', 'C:\\temp\\x'],
  ['quotes and SQL', `a'; DROP TABLE events; --"`],
  ['the wildcards of LIKE', '100%_[a]*?'],
  ['white space only', ' \u00a0\u3000 '],
  ['a line separator', 'a\u2028b'],
  ['a property of every object', '__proto__'],
  ['another property of every object', 'constructor'],
  ['a single dot', '.'],
  ['a number', '0'],
  ['as many bytes as allowed', 'x'.repeat(limits.streamNameBytesMax)],
  ['as many bytes as allowed, four per character', '\u{1F680}'.repeat(limits.streamNameBytesMax / 4)],
]

/** In the order of UTF-8 bytes. UTF-16 units would put U+FFFF and U+FB01 behind the astral ones. */
const ordered: readonly string[] = [
  ' ',
  '0',
  '10',
  '2',
  'A',
  'Z',
  'a',
  'a ',
  'a/',
  'a/1',
  'aa',
  'b',
  'z',
  '~',
  '\u00a0',
  'é',
  'ß',
  '\u07ff',
  '\u0800',
  '\ufb01',
  '\uffff',
  '\u{10000}',
  '\u{1F600}',
  '\u{10FFFF}',
].sort(byteOrder)

export const streamNaming: readonly CaseDefinition[] = caseGroup('stream names', (test) => {
  for (const [what, name] of peculiar) {
    test(`a name with ${what} is kept as it is`, async ({ store }) => {
      await put(store, 'before', name, 'x', name)
      deepEqual(await seqs(store, name), [1, 2])
      deepEqual(
        (await events(store, under(name))).map(({ stream }) => stream),
        [name, name],
      )
      deepEqual(await store.stream(name), { stream: name, seq: 2, position: 4, earliest: 1 })
      equal((await streamNames(store)).includes(name), true)
    })
  }

  test('case matters', async ({ store }) => {
    await put(store, 'Run', 'run', 'RUN', 'run')
    equal((await store.stream('run'))?.seq, 2)
    equal((await store.stream('Run'))?.seq, 1)
    equal(await store.stream('rUn'), undefined)
  })

  test('the same letters composed and decomposed are two names', async ({ store }) => {
    await put(store, 'caf\u00e9', 'cafe\u0301', 'cafe\u0301')
    equal((await store.stream('caf\u00e9'))?.seq, 1)
    equal((await store.stream('cafe\u0301'))?.seq, 2)
  })

  test('trailing white space matters', async ({ store }) => {
    await put(store, 'a', 'a ', 'a ', 'a\u00a0', 'a\u00a0', 'a\u00a0')
    deepEqual([(await seqs(store, 'a')).length, (await seqs(store, 'a ')).length], [1, 2])
    equal((await seqs(store, 'a\u00a0')).length, 3)
  })

  test('a name that is the beginning of another is a stream of its own', async ({ store }) => {
    await putMany(store, 'run/1', 2)
    await putMany(store, 'run/10', 3)
    await putMany(store, 'run', 1)
    deepEqual(await seqs(store, 'run/1'), [1, 2])
    deepEqual(await seqs(store, 'run/10'), [1, 2, 3])
    deepEqual(await seqs(store, 'run'), [1])
    deepEqual(await seqs(store, 'run/'), [])
  })

  test('streams are listed in the order of their UTF-8 bytes', async ({ store }) => {
    await put(store, ...ordered.toReversed())
    deepEqual(await streamNames(store), ordered)
  })

  test('listing can go on after any name', async ({ store }) => {
    await put(store, ...ordered)
    for (const [index, name] of ordered.entries()) {
      deepEqual(await streamNames(store, { after: name }), ordered.slice(index + 1))
    }
  })

  test('U+FFFF stands before the astral characters', async ({ store }) => {
    await put(store, '\u{10000}', '\uffff')
    deepEqual(await streamNames(store), ['\uffff', '\u{10000}'])
    deepEqual(await streamNames(store, { after: '\uffff' }), ['\u{10000}'])
  })

  test('a prefix that ends in U+FFFF or the last code point has an end', async ({ store }) => {
    await put(store, '\uffff', '\uffffa', '\u{10000}', '\u{10FFFF}', '\u{10FFFF}x')
    deepEqual(await streamNames(store, { prefix: '\uffff' }), ['\uffff', '\uffffa'])
    deepEqual(await streamNames(store, { prefix: '\u{10FFFF}' }), ['\u{10FFFF}', '\u{10FFFF}x'])
    equal((await events(store, under('\u{10FFFF}'))).length, 2)
  })

  test('a prefix is text, not a pattern', async ({ store }) => {
    await put(store, 'a_1', 'ab1', 'a%1', 'a*1', 'A_1')
    deepEqual(await streamNames(store, { prefix: 'a_' }), ['a_1'])
    deepEqual(await streamNames(store, { prefix: 'a%' }), ['a%1'])
    equal((await events(store, under('a*'))).length, 1)
  })

  test('names that differ in their last byte only are told apart', async ({ store }) => {
    const long = 'n'.repeat(limits.streamNameBytesMax - 1)
    await put(store, `${long}a`, `${long}b`, `${long}b`)
    equal((await events(store, only(`${long}a`))).length, 1)
    equal((await events(store, only(`${long}b`))).length, 2)
  })

  test(
    'peculiar names come back after a reopening',
    async (scene) => {
      const names = peculiar.map(([, name]) => name)
      await put(scene.store, ...names)
      await dropAll(scene.store, '../../etc/passwd')
      const store = await reopened(scene)
      deepEqual(await streamNames(store), names.toSorted(byteOrder))
      for (const { stream, seq, earliest } of await heads(store)) {
        deepEqual([seq, earliest], [1, stream === '../../etc/passwd' ? 2 : 1])
      }
    },
    { requires: persistent },
  )
})
