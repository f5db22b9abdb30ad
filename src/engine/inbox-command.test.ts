import { describe, expect, it } from 'vitest'
import { digestBatch } from '../core/digest.ts'
import type { ErrorCode } from '../errors.ts'
import { limits } from '../limits.ts'
import type { Batch } from '../stores/store.ts'
import { command } from '../testing/inbox-scene.ts'
import { commandName, commandOfFile, commandPath, decodeCommand, encodeCommand } from './inbox-command.ts'
import { inboxLine } from './inbox-line.ts'

const full: Batch = {
  events: [
    { stream: 'a', type: 't', version: 2, data: '{"x":1}', meta: '"m"', blobs: ['ab'.repeat(32)] },
    { stream: 'ü/ 😀', type: 't', version: 1, data: 'null' },
  ],
  expect: new Map([
    ['a', 0],
    ['ü/ 😀', 7],
  ]),
  agenda: [
    { id: 'x', due: 5, data: '[1]' },
    { id: 'y', due: null },
  ],
  leases: [
    { lease: 'l', op: 'acquire', owner: 'me', ttlMs: 1 },
    { lease: 'l', op: 'renew', token: 3, ttlMs: 1 },
    { lease: 'l', op: 'release', token: 3 },
  ],
  fences: [{ lease: 'f', token: 2 }],
  pins: [
    { pin: 'p', stream: 'a', from: 1 },
    { pin: 'q', from: null, ttlMs: 9 },
  ],
  releases: [{ stream: 'a' }, { stream: 'a', through: 3 }],
  durability: 'sync',
}

const name = commandName('id', { time: 1_700_000_000_000, unique: '0'.repeat(16) })

function codeOf(work: () => unknown): ErrorCode | 'none' {
  try {
    work()
    return 'none'
  } catch (error) {
    return (error as { readonly code: ErrorCode }).code
  }
}

function lineOf(batch: object, digest: string = digestBatch(batch as Batch)): Buffer {
  return inboxLine(`"command":{"id":"id","digest":"${digest}"},"batch":${JSON.stringify(batch)}`)
}

describe('the file of a command', () => {
  it('gives the whole batch back', () => {
    const batch = { ...full, command: { id: 'id', digest: digestBatch(full) } }
    expect(decodeCommand(encodeCommand(batch), name)).toEqual(batch)
  })

  it.each(['5', 'null', '{"id":7,"digest":"x"}', '{"id":"id"}', '{"id":"","digest":"x"}'])(
    'is refused as foreign when its command is %s',
    (json) => {
      const batch: Batch = { events: [{ stream: 's', type: 't', version: 1, data: '1' }], durability: 'sync' }
      const { durability: _sync, ...written } = batch
      const line = (command: string) => inboxLine(`"command":${command},"batch":${JSON.stringify(written)}`)
      expect(codeOf(() => decodeCommand(line(json), name))).toBe('FOREIGN_FILE')
      expect(codeOf(() => decodeCommand(line(`{"id":"id","digest":"${digestBatch(batch)}"}`), name))).toBe('none')
    },
  )

  it('is refused as foreign when its checksum is right and it is no JSON', () => {
    expect(codeOf(() => decodeCommand(inboxLine('"command":'), name))).toBe('FOREIGN_FILE')
  })

  it('is durable whatever the batch asked for', () => {
    const batch = command('id', 1, { durability: 'eventual' })
    expect(decodeCommand(encodeCommand(batch), name).durability).toBe('sync')
  })

  it('has a name that sorts by time and holds nothing that a user wrote', () => {
    const at = (time: number, id: string) => commandName(id, { time, unique: 'f'.repeat(16) })
    expect([at(10_000, 'a'), at(9_999, '../../x'), at(-5, 'b')].sort()).toEqual([
      at(-5, 'b'),
      at(9_999, '../../x'),
      at(10_000, 'a'),
    ])
    expect(at(1, '../../\0')).toMatch(/^[0-9a-f-]+$/)
    expect(commandOfFile(commandPath(name).slice('inbox/'.length))).toBe(name)
    expect(commandOfFile(`${name}.json.part`)).toBeUndefined()
    expect(commandOfFile(`${name}.reply`)).toBeUndefined()
  })

  it('is refused when it is too large', () => {
    const data = JSON.stringify('x'.repeat(limits.eventBytesMax - 2))
    const events = Array.from({ length: 8 }, () => ({ stream: 's', type: 't', version: 1, data }))
    expect(codeOf(() => encodeCommand(command('id', 1, { events })))).toBe('TOO_LARGE')
  })

  it('with any byte changed or missing is refused', () => {
    const line = encodeCommand(command('id'))
    for (let at = 0; at < line.length; at++) {
      const changed = Buffer.from(line)
      changed[at] = (changed[at] ?? 0) ^ 1
      expect(codeOf(() => decodeCommand(changed, name))).toMatch(/^(DAMAGED|FOREIGN_FILE|NEWER_FORMAT)$/)
      expect(codeOf(() => decodeCommand(line.subarray(0, at), name))).toMatch(/^(DAMAGED|FOREIGN_FILE)$/)
    }
  })

  it('of a newer format says so', () => {
    const line = encodeCommand(command('id')).toString().replace('{"holdfast":1,', '{"holdfast":2,')
    expect(codeOf(() => decodeCommand(Buffer.from(line), name))).toBe('NEWER_FORMAT')
  })

  const event = { stream: 's', type: 't', version: 1, data: '1' }
  const { command: _id, expect: _pairs, durability: _sync, ...plain } = { ...full, command: undefined }
  it.each([
    ['as it should be', plain, 'none'],
    ['with another digest', plain, 'FOREIGN_FILE', '0'.repeat(64)],
    ['without events', {}, 'FOREIGN_FILE', digestBatch({ events: [] })],
    ['with a line break in its data', { events: [{ ...event, data: '[1,\n2]' }] }, 'FOREIGN_FILE'],
    ['with data that is no JSON', { events: [{ ...event, data: '{' }] }, 'FOREIGN_FILE', '0'.repeat(64)],
    ['with data that is no text', { events: [{ ...event, data: 1 }] }, 'FOREIGN_FILE', '0'.repeat(64)],
    ['with a control character in a stream', { events: [{ ...event, stream: 'a\nb' }] }, 'FOREIGN_FILE'],
    ['with an empty type', { events: [{ ...event, type: '' }] }, 'FOREIGN_FILE'],
    ['with version 0', { events: [{ ...event, version: 0 }] }, 'FOREIGN_FILE'],
    ['with a field of a later release', { events: [{ ...event, colour: 1 }] }, 'FOREIGN_FILE'],
    ['with a blob that has no digest', { events: [{ ...event, blobs: ['../x'] }] }, 'FOREIGN_FILE'],
    ['with a negative expectation', { events: [event], expect: [['s', -1]] }, 'FOREIGN_FILE'],
    ['with an unknown lease change', { events: [], leases: [{ lease: 'l', op: 'steal' }] }, 'FOREIGN_FILE'],
    ['with a claim', { events: [], claim: { owner: 'me', ttlMs: 1, dueBy: 1, limit: 1 } }, 'FOREIGN_FILE'],
    ['with a time that is none', { events: [], agenda: [{ id: 'x', due: 1.5 }] }, 'FOREIGN_FILE'],
  ] as const)('%s', (_what, batch, code, digest?: string) => {
    expect(codeOf(() => decodeCommand(lineOf(batch, digest), name))).toBe(code)
  })

  it('under the name of another id is refused', () => {
    const other = commandName('other', { time: 1, unique: '0'.repeat(16) })
    expect(codeOf(() => decodeCommand(encodeCommand(command('id')), other))).toBe('FOREIGN_FILE')
  })
})
