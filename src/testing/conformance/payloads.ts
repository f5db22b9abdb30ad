// Payloads: JSON text is kept byte for byte, and the event's checksum is over an encoding that no store may vary.

import { deepEqual, equal, ok } from 'node:assert/strict'
import { bodySum, encodeEventTail, eventBody, hex8 } from '../../core/record.ts'
import { batch, event, events, everything, only, put, putMany, query, sha256 } from './batches.ts'
import { type CaseDefinition, caseGroup, persistent, reopened } from './scene.ts'

const deep = `${'['.repeat(120)}1${']'.repeat(120)}`

/** Texts that parsing and writing anew would change, or that a careless store would trip over. */
const texts: readonly (readonly [what: string, text: string])[] = [
  ['null', 'null'],
  ['an empty text', '""'],
  ['a number alone', '42'],
  ['large and small numbers', '[1e21,1E+2,0.1,5e-324,1.7976931348623157e308,123456789012345680000]'],
  ['negative zero', '{"zero":-0}'],
  ['more digits than a double has', '9007199254740993'],
  ['white space between', '{ "a" : [ 1 , 2 ] }'],
  ['keys out of order, and numeric ones', '{"b":1,"a":2,"10":3,"9":4}'],
  ['the same key twice', '{"a":1,"a":2}'],
  ['the key __proto__', '{"__proto__":{"polluted":true},"constructor":1}'],
  ['escapes that need not be', '"\\u0041\\/\\u00e9"'],
  ['letters beyond ASCII', '"Füße 日本語 \u{1F600}\u{10FFFF}"'],
  ['a lone surrogate as an escape', '"\\ud800 and \\udfff"'],
  ['U+0000 as an escape', '"a\\u0000b"'],
  ['line separators', '"\u2028\u2029\u0085"'],
  ['a byte order mark', '"\ufeffx"'],
  ['quotes, backslashes and braces', '"\\"}{\\\\,\\"sum\\":\\"00000000\\""'],
  ['what looks like the end of a batch', '{"more":true}'],
  ['what looks like a tail', '",\\"sum\\":\\"deadbeef\\",\\"link\\":\\"deadbeef\\"}"'],
  ['line feeds as escapes', '"a\\nb\\r\\n"'],
  ['deep nesting', deep],
  ['a tagged form', '{"$date":"2026-01-01T00:00:00.000Z"}'],
]

export const payloads: readonly CaseDefinition[] = caseGroup('payloads', (test) => {
  for (const [what, text] of texts) {
    test(`${what}: kept verbatim, as data and as meta`, async ({ store }) => {
      await store.append(batch([event('a', { data: text, meta: text })]))
      const [stored] = await events(store, everything, { withText: true })
      ok(stored?.text)
      ok(stored.text.endsWith(`,"data":${text},"meta":${text}}`))
      deepEqual(stored.data, JSON.parse(text))
      deepEqual(stored.meta, JSON.parse(text))
      equal(stored.sum, hex8(bodySum(stored.text.slice(0, -1))))
    })
  }

  test('the text is the encoding of core/record.ts, with or without each optional field', async ({ store }) => {
    const digest = (await store.stageBlob(Buffer.from('content'))).digest
    const given = [
      event('a', { data: '1' }),
      event('b"\u{1F600}', { type: 'typé', version: 2, data: '[1]', meta: '{"m":1}' }),
      event('a', { data: '{}', blobs: [digest] }),
      event('a', { data: '{}', blobs: [] }),
    ]
    const receipt = await store.append(batch(given))
    const stored = await events(store, everything, { withText: true })
    for (const [index, one] of given.entries()) {
      const place = receipt.events[index]
      const found = stored[index]
      ok(place && found)
      const body = eventBody({ ...place, time: found.time }, encodeEventTail(one), index < given.length - 1)
      equal(found.text, `${body}}`)
      equal(found.sum, hex8(bodySum(body)))
    }
  })

  test('text is told only when asked for', async ({ store }) => {
    await put(store, 'a')
    const [stored] = await events(store)
    equal(stored?.text, undefined)
  })

  test('sums are the same whatever the query', async ({ store }) => {
    await putMany(store, 'a', 5)
    const sums = (await events(store)).map(({ sum }) => sum)
    equal(new Set(sums).size, 5)
    for (const parts of [{ withText: true }, { from: 1, to: 5 }]) {
      deepEqual(
        (await events(store, only('a'), parts)).map(({ sum }) => sum),
        sums,
      )
    }
    deepEqual(
      (await events(store, everything, { direction: 'backward' })).map(({ sum }) => sum),
      sums.toReversed(),
    )
  })

  test('a tagged form is announced, plain JSON is not', async ({ store }) => {
    await store.append(batch([event('a', { data: '{"n":1}' }), event('a', { data: '{"$bigint":"1"}' })]))
    const [plain, marked] = await events(store)
    equal(plain?.tagged, false)
    equal(marked?.tagged, true)
  })

  test('__proto__ in a payload is a key, and touches no prototype', async ({ store }) => {
    await store.append(batch([event('a', { data: '{"__proto__":{"polluted":true}}' })]))
    const [stored] = await events(store)
    ok(stored && typeof stored.data === 'object' && stored.data !== null)
    ok(Object.hasOwn(stored.data, '__proto__'))
    equal(({} as Record<string, unknown>).polluted, undefined)
  })

  test('types of any text are kept and told apart', async ({ store }) => {
    const types = ['t', 'T', 'ü.\u{1F600}', 'a"b\\c', '__proto__', 'x'.repeat(512)]
    await store.append(batch(types.map((type) => event('a', { type }))))
    deepEqual(
      (await events(store)).map(({ type }) => type),
      types,
    )
    for (const type of types) equal((await events(store, everything, { types: new Set([type]) })).length, 1)
  })

  test('a megabyte of data comes back whole', async ({ store }) => {
    const data = JSON.stringify({ text: 'ä"\u{1F600}'.repeat(130_000) })
    await store.append(batch([event('a', { data }), event('a')]))
    const [large, small] = await events(store, everything, { withText: true })
    ok(large?.text)
    equal(sha256(JSON.stringify(large.data)), sha256(data))
    equal(large.sum, hex8(bodySum(large.text.slice(0, -1))))
    deepEqual(small?.data, {})
  })

  test('many sizes around powers of two come back whole', async ({ store }) => {
    const sizes = [0, 1, 2].flatMap((extra) => [512, 4_096, 8_192, 65_536].map((size) => size - 1 + extra))
    await store.append(batch(sizes.map((size) => event('a', { data: `"${'y'.repeat(size)}"` }))))
    deepEqual(
      (await events(store)).map(({ data }) => String(data).length),
      sizes,
    )
  })

  test(
    'texts and sums are the same after a reopening',
    async (scene) => {
      await scene.store.append(batch(texts.map(([, data]) => event('a', { data, meta: data }))))
      const asked = query(only('a'), { withText: true })
      const before = await events(scene.store, asked.select, asked)
      const store = await reopened(scene)
      deepEqual(await events(store, asked.select, asked), before)
    },
    { requires: persistent },
  )
})
