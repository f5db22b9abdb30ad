// A run with tools in a directory: its process goes in the middle of a call, another one goes on, a person settles.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { open } from '../open.ts'
import { toolWorld } from '../testing/tool-world.ts'
import type { Run } from './run.ts'

let directory = ''
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-tools-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

describe('tools of a run in a directory', () => {
  it('outlive the process', async () => {
    const world = toolWorld()
    let whenPaying: () => void = () => undefined
    const paying = new Promise<void>((resolve) => {
      whenPaying = resolve
    })
    let spent: unknown
    const body = async (run: Run) => {
      await run.tool('book', { effect: 'reversible', compensate: (_, context) => world.undo(context) }, (context) =>
        world.act(context),
      )
      await run.tool('pay', { effect: 'once', charge: () => ({ cost: 2 }) }, (context) => {
        world.act(context)
        whenPaying()
        return new Promise<string>(() => undefined)
      })
      await run.tool('ship', { effect: 'idempotent', charge: () => ({ cost: 7 }) }, (context) => world.act(context))
      await run.step('look', () => 1)
      spent = run.spent
      throw new TypeError('out of stock')
    }

    const first = await open(directory)
    const killed = first.run('order', body, { budgets: { cost: 5 } })
    await paying
    const closed = expect(killed).rejects.toMatchObject({ code: 'CLOSED' })
    await first.close()
    await closed

    const second = await open(directory)
    const running = second.run('order', body)
    const failed = expect(running).rejects.toThrow(TypeError)
    const until = async (type: string): Promise<void> => {
      for await (const event of second.subscribe({ select: 'run/order', types: type })) if ('type' in event) return
    }
    await until('run.tool-ambiguous')
    await second.settle('order', 'pay', { done: true }, { commandId: 'settled' })
    await until('run.parked')
    await second.raise('order', { cost: 50 }, { commandId: 'raised' })
    await failed
    await second.close()

    await using third = await open(directory, { readOnly: true })
    const types = (await third.read('run/order').toArray()).map(({ type }) => type.replace('run.', ''))
    expect(types).toEqual([
      ...['created', 'tool-intended', 'tool', 'tool-intended', 'tool-ambiguous', 'tool-settled'],
      ...['tool-intended', 'tool', 'parked', 'raised', 'step', 'unwinding', 'compensated', 'failed'],
    ])
    // What a person settled is not charged.
    expect(spent).toEqual({ cost: 7, steps: 4 })
    expect(world.calls).toEqual(['book', 'pay', 'ship'])
    expect(world.undone).toEqual(['book'])
    expect(await third.agenda.list()).toEqual([])
  })
})
