// A payment that a person approves from another terminal, and that is made once, wherever the process is killed.
//
//   node examples/payment.mjs pay ./shop            asks, and waits: also while it isn't running
//   node examples/payment.mjs approve ./shop        in another terminal, now or tomorrow
//   node examples/payment.mjs refuse ./shop
//
// Kill the first one whenever you like and start it again: it goes on where it was. The bank is a file beside the journal
// (bank.jsonl); its answers are slow, so that there is time to kill in the worst moment.

import { closeSync, existsSync, fdatasyncSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { open, signalRun } from 'holdfast'

const runId = 'payment-17'
const [command = 'pay', place = 'shop'] = process.argv.slice(2)
const directory = resolve(place)
const journalPath = join(directory, 'journal')
const bankPath = join(directory, 'bank.jsonl')

if (command === 'pay') await pay()
else if (command === 'approve' || command === 'refuse') await answer(command === 'approve')
else {
  console.error('Usage: node examples/payment.mjs pay|approve|refuse [directory]')
  process.exitCode = 2
}

async function pay() {
  mkdirSync(directory, { recursive: true })
  const journal = await open(journalPath)
  const receipt = await journal.run(runId, payment, { input: { to: 'Lamps & Co', amount: 120 } })
  console.log(receipt.isPaid ? `paid: ${receipt.reference}` : `not paid: ${receipt.why}`)
  await journal.close()
}

async function payment(run, { to, amount }) {
  const quote = await run.step('quote', () => ({ to, amount, fee: 1.5 }))
  console.log(`waits for approval: ${quote.amount} + ${quote.fee} to ${quote.to}`)
  const approval = await run.wait('approval', { timeout: '2d' })
  if (approval === undefined) return { isPaid: false, why: 'nobody answered within two days' }
  if (approval.approve !== true) return { isPaid: false, why: `refused by ${approval.by}` }
  const { reference } = await run.tool(
    'transfer',
    {
      // Never again in silence: after a kill, the bank is asked first.
      effect: 'once',
      input: quote,
      verify: ({ idempotencyKey }) => lookUp(idempotencyKey),
    },
    ({ idempotencyKey }) => transfer(idempotencyKey, quote),
  )
  return { isPaid: true, reference }
}

async function answer(approve) {
  // Through the process that has the journal open, if there is one; into the journal itself if not. Sent twice, it counts
  // once.
  const data = { approve, by: process.env.USER ?? 'somebody' }
  await signalRun(journalPath, runId, 'approval', data, { commandId: `approval of ${runId}` })
  console.log(approve ? 'approved' : 'refused')
}

// The bank.

async function transfer(key, { to, amount, fee }) {
  const book = openSync(bankPath, 'a')
  writeSync(book, `${JSON.stringify({ key, to, amount: amount + fee })}\n`)
  fdatasyncSync(book)
  closeSync(book)
  console.log('the bank has made the transfer, and has not answered yet')
  await sleep(1_000)
  return { reference: key }
}

function lookUp(key) {
  const lines = existsSync(bankPath) ? readFileSync(bankPath, 'utf8').split('\n').filter(Boolean) : []
  const isMade = lines.some((line) => JSON.parse(line).key === key)
  console.log(`asks the bank: ${isMade ? 'the transfer was made' : 'there was no transfer'}`)
  return isMade ? { done: true, result: { reference: key } } : { done: false }
}
