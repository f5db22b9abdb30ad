// Verification of logs whose checksums are sound and whose content is not: what only a defective or foreign program
// writes. It must be told, each once and at its place, and never end the verification.

import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { VerifyReport } from '../../stores/store.ts'
import { type ForgedSegment, forgedControl, forgedEvent, forgedJournal } from '../../testing/forged-log.ts'
import { diskOf, type Files, segmentsOf, withFile } from '../../testing/sample-journal.ts'
import { verifyDirectory } from '../verify.ts'

async function verify(segments: readonly ForgedSegment[]): Promise<VerifyReport> {
  return verifyDirectory(await diskOf(forgedJournal(segments)), {})
}

async function told(segments: readonly ForgedSegment[]): Promise<readonly string[]> {
  return (await verify(segments)).findings.map(({ severity, kind }) => `${severity} ${kind}`)
}

const witness = forgedControl({ control: 'witness', time: 5 })
const more = { more: true }

describe('a log whose checksums are sound', () => {
  it('is well when its content is', async () => {
    const report = await verify([{ lines: [forgedEvent(1), witness] }, { lines: [forgedEvent(2)] }])
    expect(report).toMatchObject({ findings: [], ok: true, events: 2, records: 3, segments: 2 })
  })

  it.each([
    ['of no known kind', '{"x":1'],
    ['of an event that is no JSON', '{"position":oops'],
    ['of a control record that is no JSON', '{"control":oops'],
    ['of an event that lacks its seq', forgedEvent(1, { seq: undefined })],
    ['of an event whose stream is no text', forgedEvent(1, { stream: 5 })],
    ['of an event without data', forgedEvent(1, { data: undefined })],
    ['of an event whose blobs are no list', forgedEvent(1, { blobs: 'b' })],
    ['of a command that lacks its digest', forgedControl({ control: 'command', id: 'c', time: 5, events: [] })],
    ['of a removal of no place', forgedControl({ control: 'removed', from: 0, to: 2, count: 1, streams: [] })],
  ])('is told of a line %s', async (_, body) => {
    const report = await verify([{ lines: [witness, body, witness] }])
    const header = forgedJournal([{ lines: [witness] }]).get(`segments/${'1'.padStart(20, '0')}.jsonl`)?.length
    expect(report.findings).toMatchObject([
      { severity: 'damage', kind: 'line-content', offset: header, repair: 'excise' },
    ])
    expect(report.records).toBe(2)
  })

  it('is told of a control record that only a newer release knows', async () => {
    expect(await told([{ lines: [forgedControl({ control: 'vote' }), witness] }])).toEqual(['damage control-unknown'])
  })

  it('is told of a batch without its end in a sealed segment; in the newest it is an unfinished write', async () => {
    const open = { lines: [witness, forgedEvent(1, more), forgedEvent(2, more)] }
    const report = await verify([open, { lines: [], header: { first: 3 } }])
    const offset = forgedJournal([{ lines: [witness] }]).get(segmentsOf(forgedJournal([open]))[0] ?? '')?.length
    expect(report.findings).toMatchObject([{ kind: 'batch-incomplete', severity: 'damage', offset, repair: 'cut' }])
    expect(await told([open])).toEqual(['note tail-torn'])
  })

  it('is told of a header that is no JSON', async () => {
    const files = forgedJournal([{ lines: [forgedEvent(1)] }, { lines: [forgedEvent(2)] }])
    const [first = '', second = ''] = segmentsOf(files)
    for (const path of [first, second]) {
      const bytes = files.get(path) ?? Buffer.alloc(0)
      const behind = bytes.subarray(bytes.indexOf(0x0a) + 1)
      const [oops = Buffer.alloc(0)] = [...forgedJournal([{ lines: ['{"holdfast":oops'] }]).values()].slice(1)
      const header = oops.subarray(oops.indexOf(0x0a) + 1)
      const changed: Files = withFile(files, path, Buffer.concat([header, behind]))
      const report = await verifyDirectory(await diskOf(changed), {})
      expect(report.findings[0]).toMatchObject({ kind: 'segment-header', file: path, offset: 0 })
    }
  })

  it('is told of a line that goes on for longer than any may, and read on behind it', async () => {
    const long = Buffer.alloc(34 * 1_048_576, 0x78)
    const newline = Buffer.from('\n')
    const one = { lines: [forgedEvent(1), Buffer.concat([long, newline]), forgedEvent(2)] }
    const report = await verify([one, { lines: [forgedEvent(3)], header: { first: 3 } }])
    expect(report.findings.map(({ kind }) => kind)).toEqual(['line-checksum'])
    expect(report.events).toBe(3)
    const unended = { lines: [forgedEvent(1), long] }
    expect(await told([unended, { lines: [forgedEvent(2)] }])).toEqual(['damage line-checksum'])
  })
})

describe('the chain of segments', () => {
  const two = [{ lines: [forgedEvent(1)] }, { lines: [forgedEvent(2)] }] as const

  it('begins with a header that is linked to nothing', async () => {
    expect(await told([{ ...two[0], link: 7 }, two[1]])).toEqual(['damage line-link'])
  })

  it('begins with the first segment', async () => {
    const lost = { header: { segment: 2, previous: null }, lines: [forgedEvent(1)] }
    const report = await verify([lost])
    expect(report.findings).toMatchObject([{ kind: 'segment-missing', file: segmentsOf(forgedJournal([lost]))[0] }])
  })

  it('goes on with the last line of the segment before', async () => {
    expect(await told([two[0], { ...two[1], link: 7 }])).toEqual(['damage line-link'])
  })

  it('names the segment before, with its digest', async () => {
    const [path = ''] = segmentsOf(forgedJournal(two))
    const bytes = forgedJournal(two).get(path)?.length ?? 0
    const name = path.slice('segments/'.length)
    const other = { name, bytes, sha256: 'f'.repeat(64) }
    expect(await told([two[0], { ...two[1], header: { previous: other } }])).toEqual(['damage segment-digest'])
    const nobody = { ...other, name: `${'9'.padStart(20, '0')}.jsonl` }
    const report = await verify([two[0], { ...two[1], header: { previous: nobody } }])
    expect(report.findings).toMatchObject([{ kind: 'segment-missing', file: `segments/${nobody.name}`, repair: 'cut' }])
    expect((await told([two[0], { ...two[1], header: { previous: null } }]))[0]).toBe('damage segment-missing')
  })
})

describe('a rewritten segment', () => {
  const rewritten = { lines: [forgedEvent(1)], header: { rewritten: 'repair' } }
  const [path = ''] = segmentsOf(forgedJournal([rewritten]))
  const bytes = forgedJournal([rewritten]).get(path) ?? Buffer.alloc(0)
  const name = path.slice('segments/'.length)
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  const sealed = { name, bytes: 500, sha256: 'e'.repeat(64) }
  const record = { control: 'rewrite', time: 5, reason: 'repair', old: [[name, sealed.sha256]] }
  const vouching = { ...record, sha256, bytes: bytes.length, sealed: [name, sealed.bytes, sealed.sha256] }
  const next = (control: Readonly<Record<string, unknown>>, previous: object | null = sealed): ForgedSegment => ({
    lines: [forgedEvent(2), forgedControl(control)],
    header: { previous: previous as typeof sealed | null },
  })

  it('is well when a record vouches for it and the next segment names what it replaced', async () => {
    expect(await told([rewritten, next(vouching)])).toEqual([])
  })

  it('that no record vouches for is told, unless it is named as it is', async () => {
    expect(await told([rewritten, next({ control: 'witness', time: 5 }, { ...sealed, name: 'other' })])).toEqual([
      'damage rewrite-unknown',
    ])
    expect(await told([rewritten, { lines: [forgedEvent(2)] }])).toEqual([])
  })

  it('whose content is not what the record says is told', async () => {
    expect(await told([rewritten, next({ ...vouching, sha256: 'd'.repeat(64) })])).toEqual(['damage segment-digest'])
  })

  it('that is not what the next segment names is told', async () => {
    for (const previous of [null, { ...sealed, name: 'other' }, { ...sealed, sha256: 'c'.repeat(64) }])
      expect(await told([rewritten, next(vouching, previous)]), JSON.stringify(previous)).toEqual([
        'damage segment-missing',
      ])
  })

  it('is not taken for one by a record that is damaged, no JSON, or lacks its fields', async () => {
    const broken = Buffer.from(`${forgedControl(vouching)},"sum":"00000000","link":"00000000"}\n`)
    for (const line of [broken, '{"control":"rewrite",oops', forgedControl({ control: 'rewrite' })]) {
      const middle = {
        lines: [forgedEvent(2), line, forgedEvent(3)],
        header: { previous: { name, bytes: bytes.length, sha256 } },
      }
      const newest = { lines: [forgedEvent(4)], header: { first: 4, segment: 3 } }
      const kind = line === broken ? 'line-checksum' : 'line-content'
      expect(await told([rewritten, middle, newest])).toEqual([`damage ${kind}`])
    }
  })

  it('makes void the files that it replaced, which a crash can leave', async () => {
    const void2 = { lines: [forgedEvent(2)] }
    const files = forgedJournal([rewritten, void2])
    const [, second = ''] = segmentsOf(files)
    const old = [
      [name, sealed.sha256],
      [second.slice('segments/'.length), 'b'.repeat(64)],
    ]
    const merged = { ...vouching, old }
    const third = { lines: [forgedEvent(2), forgedControl(merged)], header: { first: 3, segment: 3, previous: sealed } }
    const report = await verify([rewritten, void2, third])
    expect(report.findings).toMatchObject([{ severity: 'note', kind: 'rewrite-unfinished', file: second }])
    expect(report.events).toBe(2)
    // As long as the file does not have the length that the record says, nothing was replaced.
    const unmade = { ...third, lines: [forgedEvent(2), forgedControl({ ...merged, bytes: 1 })] }
    expect((await verify([rewritten, void2, unmade])).findings.map(({ kind }) => kind)).not.toContain(
      'rewrite-unfinished',
    )
  })
})
