// Commands against processes that die and power that fails, between every two steps of the owner and of the sender. The
// journal itself is in memory here and survives as a durable one would; dying in the middle of an append counts as a step.

import { describe, expect, it } from 'vitest'
import type { Disk } from '../disks/disk.ts'
import { SimulatedDisk } from '../disks/simulated-disk.ts'
import type { Batch, Receipt } from '../stores/store.ts'
import { command, inboxFiles, inboxScene, queueCommand, settle } from '../testing/inbox-scene.ts'
import { Inbox } from './inbox.ts'
import { sendCommand } from './inbox-sender.ts'

const timeoutMs = 1_000
const models = ['process', 'adversarial', 'ext4'] as const
const seeds = [1, 2, 3, 4]

type Told = { readonly receipt: Receipt } | { readonly error: { readonly code?: string } } | 'nothing'

/** What a sender was told, as far as it has been. */
function telling(promise: Promise<Receipt>): { told: Told } {
  const telling: { told: Told } = { told: 'nothing' }
  promise.then(
    (receipt) => {
      telling.told = { receipt }
    },
    (error: { readonly code?: string }) => {
      telling.told = { error }
    },
  )
  return telling
}

const hasCode = (told: Told, code: string): boolean => told !== 'nothing' && 'error' in told && told.error.code === code

/** Applies through this process's disk, so that its death can come before the append and between append and answer. */
function throughDisk(disk: Disk, apply: (batch: Batch) => Promise<Receipt>) {
  return async (batch: Batch): Promise<Receipt> => {
    await disk.list('')
    const receipt = await apply(batch)
    await disk.list('')
    return receipt
  }
}

describe('when something dies, a command', () => {
  it('takes effect once wherever the owner dies, and its sender hears of it', async () => {
    for (let crashAt = 1; ; crashAt++) {
      const { clock, store, stored } = inboxScene()
      const owner = new SimulatedDisk({ crashAt, seed: crashAt })
      const first = new Inbox(
        owner.disk,
        clock,
        throughDisk(owner.disk, (batch) => store.append(batch)),
      )
      await owner.disk.makeDirectory('inbox').catch(() => undefined)
      for (const id of ['a', 'b']) await queueCommand(owner.disk, command(id), clock.now()).catch(() => undefined)
      await first.start()
      const isOver = !owner.dead
      await first.stop()
      // The senders live on another disk object over the same tree.
      const next = owner.crash({ seed: crashAt, model: 'process' }).disk
      const sent = ['a', 'b', 'c'].map((id) => sendCommand(next, clock, command(id), { timeoutMs }))
      await settle()
      const second = new Inbox(next, clock, (batch) => store.append(batch))
      await second.start()
      await Promise.all(sent)
      expect([...(await stored())].sort(), `operation ${crashAt}`).toEqual(['a', 'b', 'c'])
      await settle()
      expect((await inboxFiles(next)).filter((file) => file.endsWith('.json'))).toEqual([])
      await second.stop()
      if (isOver) break
    }
  })

  it('that waits durably takes effect once, whatever the machine keeps', async () => {
    for (const model of models) {
      for (const seed of seeds) {
        const { clock, store, stored } = inboxScene()
        const machine = new SimulatedDisk()
        const sent = telling(sendCommand(machine.disk, clock, command('c'), { timeoutMs }))
        for (let passed = 0; passed < timeoutMs; passed += 10) {
          await settle()
          clock.advance(10)
        }
        await settle()
        expect(hasCode(sent.told, 'OWNER_SILENT')).toBe(true)
        const next = machine.crash({ seed, model }).disk
        const inbox = new Inbox(next, clock, (batch) => store.append(batch))
        await inbox.start()
        expect(await stored(), `${model} ${seed}`).toEqual(['c'])
        await inbox.stop()
      }
    }
  })

  it.each(models)('of which an outcome was told keeps it, wherever the machine dies (%s)', async (model) => {
    const tolds = new Set<string>()
    for (let crashAt = 1, isOver = false; !isOver; crashAt++) {
      for (const seed of seeds) {
        const { clock, store, stored } = inboxScene()
        const machine = new SimulatedDisk({ crashAt, seed })
        const { disk } = machine
        const first = new Inbox(
          disk,
          clock,
          throughDisk(disk, (batch) => store.append(batch)),
        )
        const started = first.start()
        const good = telling(sendCommand(disk, clock, command('good'), { timeoutMs }))
        const bad = telling(
          sendCommand(disk, clock, command('bad', 'bad', { expect: new Map([['s', 7]]) }), { timeoutMs }),
        )
        await settle()
        isOver = !machine.dead
        await started
        await first.stop()
        const wasStored = await stored()
        // From now on what was refused would be accepted.
        while ((await store.stream('s'))?.seq !== 7) await store.append(withoutId(command('other')))
        const next = machine.crash({ seed, model }).disk
        const second = new Inbox(next, clock, (batch) => store.append(batch))
        await second.start()
        const after = await stored()
        const label = `operation ${crashAt}, seed ${seed}`
        const times = (data: string): number => after.filter((each) => each === data).length
        expect(times('good'), label).toBeLessThanOrEqual(1)
        expect(times('bad'), label).toBeLessThanOrEqual(1)
        if (good.told !== 'nothing' && 'receipt' in good.told) {
          tolds.add('receipt')
          expect(wasStored, label).toContain('good')
        }
        if (hasCode(bad.told, 'SEQ_CONFLICT')) {
          tolds.add('refusal')
          expect(times('bad'), label).toBe(0)
        }
        if (times('bad') === 1) tolds.add('applied after the crash')
        expect(second.failure, label).toBeUndefined()
        await second.stop()
      }
    }
    expect([...tolds].sort()).toEqual(['applied after the crash', 'receipt', 'refusal'])
  })
})

function withoutId({ command: _id, ...batch }: Batch): Batch {
  return batch
}
