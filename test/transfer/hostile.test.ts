import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type ImportOptions, importJournal, openImported } from '../../src/import.ts'
import { limits } from '../../src/limits.ts'
import { openDirectory } from '../../src/open-directory.ts'
import { controlBody, eventBody, forged, header, line } from './forge.ts'
import { append, codeOf, event, exportOf, fill, inPieces, memoryScene, trim } from './scene.ts'

let directory: string
let target: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-hostile-'))
  target = join(directory, 'target')
})
afterEach(async () => {
  await rm(directory, { recursive: true })
})

async function intoAll(bytes: Buffer, options: ImportOptions = {}): Promise<readonly unknown[]> {
  const directoryError = await importJournal(inPieces(bytes), target, options).catch((error: unknown) => error)
  expect(await readdir(directory)).toEqual([])
  const memoryError = await openImported(inPieces(bytes)).catch((error: unknown) => error)
  const sqliteError = await importJournal(inPieces(bytes), `${target}.db`, options).catch((error: unknown) => error)
  expect(await readdir(directory)).toEqual([])
  return [directoryError, memoryError, sqliteError]
}

/** All targets refuse it as invalid, at this line. */
async function refused(bytes: Buffer, at: number, what = ''): Promise<void> {
  for (const error of await intoAll(bytes)) {
    expect(error, what).toMatchObject({ code: 'IMPORT_INVALID', details: { line: at } })
    const { offset, reason } = (error as { readonly details: { readonly offset: number; readonly reason: string } })
      .details
    expect([typeof offset, typeof reason], what).toEqual(['number', 'string'])
  }
}

async function smallExport(): Promise<Buffer> {
  const { store } = memoryScene()
  const { digest } = await store.stageBlob(Buffer.from('b'))
  await append(store, [event('a', 'x'), event('b', 1, [digest])], {
    command: { id: 'c', digest: 'd'.repeat(64) },
    agenda: [{ id: 'w', due: 5 }],
  })
  return exportOf(store)
}

describe('a file that is not whole', () => {
  it('is refused whichever bit of it is flipped', async () => {
    const whole = await smallExport()
    let refusals = 0
    for (let at = 0; at < whole.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const flipped = Buffer.from(whole)
        flipped[at] = (flipped[at] as number) ^ (1 << bit)
        const code = await codeOf(openImported(inPieces(flipped)))
        expect(['IMPORT_INVALID', 'NEWER_FORMAT'], `byte ${at} bit ${bit}`).toContain(code)
        refusals++
      }
    }
    expect(refusals).toBe(whole.length * 8)
  })

  it('leaves no directory, whichever byte is changed or missing', async () => {
    const whole = await smallExport()
    for (let at = 0; at < whole.length; at += 7) {
      const flipped = Buffer.from(whole)
      flipped[at] = (flipped[at] as number) ^ 0x10
      expect(['IMPORT_INVALID', 'NEWER_FORMAT']).toContain(await codeOf(importJournal(inPieces(flipped), target)))
      expect(await codeOf(importJournal(inPieces(whole.subarray(0, at)), target)), `cut at ${at}`).toBe(
        'IMPORT_INVALID',
      )
    }
    expect(await readdir(directory)).toEqual([])
  })

  it('is refused wherever it is cut off', async () => {
    const whole = await smallExport()
    for (let at = 0; at < whole.length; at++) {
      expect(await codeOf(openImported(inPieces(whole.subarray(0, at)))), `cut at ${at}`).toBe('IMPORT_INVALID')
    }
    expect(await codeOf(openImported(inPieces(whole, 1)))).toBe('no error')
  })

  it('is refused with lines swapped, left out, doubled, or more behind the end', async () => {
    const { store, clock } = memoryScene()
    await fill(store, clock)
    await trim(store, clock)
    const lines = (await exportOf(store)).toString('utf8').split('\n')
    const file = (parts: readonly string[]) => Buffer.from(parts.join('\n'))
    for (let at = 1; at < lines.length - 1; at++) {
      const [before, rest] = [lines.slice(0, at), lines.slice(at)]
      const cases = [
        [...before, ...rest.slice(1)],
        [...before, rest[0], ...rest],
        [...before, rest[1], rest[0], ...rest.slice(2)],
      ]
      for (const parts of cases) {
        expect(await codeOf(openImported(inPieces(file(parts as string[])))), `line ${at + 1}`).toBe('IMPORT_INVALID')
      }
    }
    const more = Buffer.concat([file(lines), Buffer.from('{}\n')])
    await refused(more, lines.length)
    await refused(Buffer.concat([file(lines), Buffer.from('x')]), lines.length)
  })
})

describe('a file with sound checksums', () => {
  it('is taken when it is honest', async () => {
    const bytes = forged([eventBody(1), eventBody(2)])
    await importJournal(inPieces(bytes), target)
    const store = await openDirectory(target, {})
    expect(store.head().position).toBe(2)
    await store.close()
  })

  it('is refused when its end lies', async () => {
    const lies = [{ events: 2 }, { records: 0 }, { blobs: 1 }, { bytes: 5 }, { sha256: '0'.repeat(64) }]
    for (const lie of lies) await refused(forged([eventBody(1)], lie), 3, JSON.stringify(lie))
  })

  it('is refused when it is of a newer format, with a clear code', async () => {
    const newer = Buffer.from(header.replace('"holdfast-export":1', '"holdfast-export":2'))
    for (const error of await intoAll(Buffer.concat([newer, Buffer.from(',"other":[]}\n')]))) {
      expect(error).toMatchObject({ code: 'NEWER_FORMAT', details: { version: 2 } })
    }
    await refused(Buffer.from('{"some":"json"}\n'), 1)
    await refused(Buffer.from(''), 1)
    await refused(line(header.replace('aaaa', '..\\\\'), 0).bytes, 1)
  })

  it('is refused when events do not follow one another', async () => {
    const time = (body: string, ms: number) => body.replace('"time":5', `"time":${ms}`)
    await refused(forged([eventBody(2), eventBody(1)]), 2)
    await refused(forged([eventBody(1), eventBody(1)]), 3)
    await refused(forged([eventBody(1), eventBody(2, 's', 3)]), 3)
    await refused(forged([eventBody(1), eventBody(2, 't', 2)]), 3)
    await refused(forged([time(eventBody(1), 9), eventBody(2)]), 3)
    await refused(forged([eventBody(1, 's', 1, `,"blobs":["${'a'.repeat(64)}"],"data":null`)]), 2)
    const removed = (from: number, to: number) =>
      controlBody({ control: 'removed', from: 1, to: 9, count: 1, streams: [['s', from, to]] })
    await refused(forged([removed(2, 3)]), 2)
    await refused(forged([removed(1, 3), removed(3, 4)]), 3)
    await refused(forged([eventBody(1), removed(2, 3)]), 3)
  })

  it('is refused when an event is not as it would have been written', async () => {
    const good = eventBody(1)
    const digest = 'a'.repeat(64)
    const bad: Record<string, string> = {
      'no data': good.replace(',"data":null', ''),
      'an unknown field': `${good},"extra":1`,
      'a field twice': `${good},"position":7`,
      'position twice, the first one counting': good.replace('{"position":1', '{"position":3,"position":1'),
      'another order': '{"position":1,"seq":1,"stream":"s","time":5,"type":"t","data":1',
      spaces: good.replace(',"seq"', ', "seq"'),
      'an escape that is not needed': good.replace('"s"', '"\\u0073"'),
      'position 0': eventBody(0),
      'a position that is no integer': good.replace('1', '1.5'),
      'a position beyond what can follow': eventBody(Number.MAX_SAFE_INTEGER, 's', 1),
      'a seq of 0': eventBody(1, 's', 0),
      'a time without end': good.replace('"time":5', '"time":9007199254740991'),
      'a stream without a name': eventBody(1, '', 1),
      'a stream name with a newline': eventBody(1, 'a\nb', 1),
      'half a surrogate pair': eventBody(1, '\ud800', 1),
      'a long stream name': eventBody(1, 'x'.repeat(limits.streamNameBytesMax + 1), 1),
      'a type that is no text': good.replace('"t"', '7'),
      'a version of 1': eventBody(1, 's', 1, ',"version":1,"data":null'),
      'blobs that are none': eventBody(1, 's', 1, ',"blobs":[],"data":null'),
      'a blob by path': eventBody(1, 's', 1, ',"blobs":["../../x"],"data":null'),
      'blobs behind the data': eventBody(1, 's', 1, `,"data":null,"blobs":["${digest}"]`),
      'more that is false': `${good},"more":false`,
      'more in the middle': eventBody(1, 's', 1, ',"data":null,"more":true,"meta":1'),
      'no JSON': `${good.slice(0, -4)}nil`,
      'deep nesting': eventBody(1, 's', 1, `,"data":${'['.repeat(2_000)}${']'.repeat(2_000)}`),
      'deep nesting that does not end': eventBody(1, 's', 1, `,"data":${'{"a":'.repeat(100_000)}`),
      'too much data': eventBody(1, 's', 1, `,"data":"${'x'.repeat(limits.eventBytesMax + 64)}"`),
    }
    for (const [what, body] of Object.entries(bad)) await refused(forged([body]), 2, what)
    await refused(
      forged([Buffer.concat([Buffer.from(good.slice(0, -4)), Buffer.from([0x22, 0xff, 0x22])])]),
      2,
      'UTF-8',
    )
  })

  it('is refused when a control record is of no kind or form that an export holds', async () => {
    const sha = (text: string) => createHash('sha256').update(text).digest('hex')
    const bad: readonly Readonly<Record<string, unknown>>[] = [
      { control: 'unknown' },
      { control: '__proto__' },
      { control: 'constructor' },
      {
        control: 'rewrite',
        time: 1,
        reason: '',
        old: [['../../../etc/passwd', '']],
        sha256: '',
        bytes: 0,
        sealed: ['', 0, ''],
      },
      { control: 'retain', time: 1, before: 100 },
      { control: 'agenda', id: 'x', due: 1, extra: 1 },
      { control: 'agenda', id: '', due: 1 },
      { control: 'agenda', id: 'x', due: -1 },
      { control: 'lease', lease: 'l', owner: 'o', token: 1.5, until: 1, held: true },
      { control: 'lease', lease: 'l', owner: 'o', token: 1, until: 1, held: 'yes' },
      { control: 'command', id: 'x', time: 1, digest: 'short', position: 0, events: [] },
      { control: 'command', id: 'x', time: 1, digest: sha('x'), position: 0, events: [['s', 1]] },
      { control: 'pin', pin: 'p', from: 'start' },
      { control: 'released', stream: 7, through: 1 },
      { control: 'removed', from: 2, to: 1, count: 0, streams: [] },
      { control: 'removed', from: 1, to: 2, count: 0, streams: [['s', 2, 1]] },
      { control: 'witness', time: 'now' },
      { control: 'blob', digest: sha('x'), bytes: limits.blobBytesMax + 1 },
      { control: 'blob', digest: '../x', bytes: 1, data: 'eA==' },
      { control: 'blob', digest: sha('x'), bytes: 1, chunks: [['../../x', 1]] },
      { control: 'blob', digest: sha('x'), bytes: 1, data: 'eQ==' },
    ]
    for (const control of bad) await refused(forged([controlBody(control)]), 2, JSON.stringify(control))
    await refused(forged(['{"control":"witness","time":1,"__proto__":{"time":2}']), 2)
    await refused(forged(['{"nothing":"known"']), 2)
    await refused(forged(['{"chunk":"eA=="']), 2)
  })

  it('is refused when the content of a blob is not its own', async () => {
    const content = Buffer.alloc(10_000, 'c')
    const digest = createHash('sha256').update(content).digest('hex')
    const blob = controlBody({ control: 'blob', digest, bytes: content.length })
    const chunk = (bytes: Buffer) => `{"chunk":"${bytes.toString('base64')}"`
    await importJournal(inPieces(forged([blob, chunk(content)])), target)
    await rm(target, { recursive: true })
    await refused(forged([blob, chunk(content.subarray(1))]), 4, 'too short')
    await refused(forged([blob, chunk(Buffer.concat([content, Buffer.from('x')]))]), 3, 'too long')
    await refused(forged([blob, chunk(Buffer.alloc(10_000, 'd'))]), 3, 'other content')
    await refused(forged([blob, eventBody(1)]), 3, 'an event in between')
    await refused(forged([blob, '{"chunk":"****"']), 3, 'no base64')
    await refused(forged([blob, '{"chunk":""']), 3, 'nothing')
    await refused(forged([blob, chunk(Buffer.alloc(limits.chunkBytesMax + 3))]), 3, 'a large part')
  })

  it('keeps every name as a name and never makes a path of it', async () => {
    const names = ['../../escape', '/etc/passwd', 'a/../../b', 'C:\\x', 'con', '.', '..', '__proto__', 'constructor']
    const bodies = names.map((name, index) => eventBody(index + 1, name, 1, ',"data":{"__proto__":{"x":1}}'))
    const controls = names.map((id) => controlBody({ control: 'agenda', id, due: 1 }))
    const bytes = forged([...bodies, ...controls])
    await importJournal(inPieces(bytes), target)
    expect(await readdir(directory)).toEqual(['target'])
    const store = await openDirectory(target, {})
    const found: string[] = []
    for await (const page of store.streams({})) found.push(...page.map(({ stream }) => stream))
    expect(new Set(found)).toEqual(new Set(names))
    expect(await store.agenda({})).toHaveLength(names.length)
    expect(Object.hasOwn(Object.prototype, 'x')).toBe(false)
    await store.close()
    const journal = await openImported(inPieces(bytes))
    expect(await journal.read().toArray()).toHaveLength(names.length)
  })

  it('is refused early when a line never ends, and costs no more memory than a line', async () => {
    let given = 0
    async function* endless(): AsyncGenerator<Uint8Array> {
      yield line(header, 0).bytes
      const piece = Buffer.alloc(1_048_576, 'x')
      for (;;) {
        given += piece.length
        yield piece
      }
    }
    const error = await importJournal(endless(), target).catch((caught: unknown) => caught)
    expect(error).toMatchObject({ code: 'IMPORT_INVALID', details: { line: 2 } })
    expect(given).toBeLessThanOrEqual(limits.importLineBytesMax + 1_048_576)
    expect(await readdir(directory)).toEqual([])
  })
})

describe('importing', () => {
  it('needs a new or empty directory', async () => {
    const bytes = await smallExport()
    await mkdir(target)
    await importJournal(inPieces(bytes), target)
    expect(await codeOf(importJournal(inPieces(bytes), target))).toBe('TARGET_NOT_EMPTY')
    await writeFile(join(directory, 'file'), 'x')
    expect(await codeOf(importJournal(inPieces(bytes), join(directory, 'file')))).toBe('TARGET_IS_FILE')
    expect(await codeOf(importJournal(inPieces(bytes), join(directory, 'no', 'where')))).toBe('INVALID_ARGUMENT')
    expect(await codeOf(importJournal(inPieces(bytes), 'memory:'))).toBe('INVALID_ARGUMENT')
    expect(await codeOf(importJournal(inPieces(bytes), join(directory, 'x'), { segmentBytes: 1 }))).toBe(
      'INVALID_ARGUMENT',
    )
    expect((await readdir(directory)).sort()).toEqual(['file', 'target'])
  })

  it('reads a file, also through a link, and says what is wrong with a path', async () => {
    const path = join(directory, 'export.jsonl')
    await writeFile(path, await smallExport())
    await symlink(path, join(directory, 'link'))
    const told: unknown[] = []
    const report = await importJournal(join(directory, 'link'), target, { progress: (progress) => told.push(progress) })
    expect(report).toMatchObject({ events: 2, blobs: 1 })
    const read = { bytesDone: report.bytes, bytesTotal: report.bytes, events: 2 }
    expect(told).toContainEqual(read)
    expect(told.at(-1)).toEqual({
      ...read,
      verified: { bytesDone: expect.any(Number), bytesTotal: expect.any(Number) },
    })
    for (const wrong of [directory, join(directory, 'none'), 7, null]) {
      expect(await codeOf(importJournal(wrong as string, join(directory, 'x')))).toBe('INVALID_ARGUMENT')
    }
    async function* texts(): AsyncGenerator<Uint8Array> {
      yield 'text' as unknown as Uint8Array
    }
    expect(await codeOf(importJournal(texts(), join(directory, 'x')))).toBe('INVALID_ARGUMENT')
  })

  it('clears what a crashed attempt left, and passes on what its source throws', async () => {
    const part = `${target}.import-part`
    await mkdir(join(part, 'segments'), { recursive: true })
    await writeFile(join(part, 'journal.json'), 'half')
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield (await smallExport()).subarray(0, 300)
      throw new Error('the network is gone')
    }
    await expect(importJournal(failing(), target)).rejects.toThrow('the network is gone')
    expect(await readdir(directory)).toEqual([])
    await mkdir(join(part, 'segments'), { recursive: true })
    await importJournal(inPieces(await smallExport()), target)
    expect(await readdir(directory)).toEqual(['target'])
  })

  it('stops when it is told to, and leaves nothing', async () => {
    const { store, clock } = memoryScene()
    await fill(store, clock)
    const bytes = await exportOf(store)
    let events = 0
    let total = 0
    await importJournal(inPieces(bytes, 100_000), target, { progress: () => total++ })
    await rm(target, { recursive: true })
    expect(total).toBeGreaterThan(3)
    for (let stopAt = 1; stopAt <= total; stopAt++) {
      const controller = new AbortController()
      let steps = 0
      const progress = (at: { readonly events: number }) => {
        events = Math.max(events, at.events)
        if (++steps === stopAt) controller.abort(new Error('enough'))
      }
      const options = { signal: controller.signal, progress }
      expect(await codeOf(importJournal(inPieces(bytes, 100_000), target, options))).toBe('ABORTED')
      expect(await readdir(directory)).toEqual([])
    }
    expect(events).toBeGreaterThan(0)
    expect(await codeOf(openImported(inPieces(bytes), { signal: AbortSignal.abort() }))).toBe('ABORTED')
  })
})
