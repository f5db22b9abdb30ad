// A process whose disk fails under it (failing-syncs.c): it appends until something fails, must then acknowledge nothing,
// reopens, and goes on:   node failing.mjs <plan as JSON>      (FailingPlan in failing-syncs.test.ts)
// Beside appends (../kill/telling.mjs) it tells: open · reopened · closed · error <what>

import { mkdirSync } from 'node:fs'
import { openDirectory } from '../../build/open-directory.js'
import { FileStore } from '../../build/stores/file/file-store.js'
import { tell, tellAppends } from '../kill/telling.mjs'

const plan = JSON.parse(process.argv[2])
tellAppends(FileStore.prototype)
let events = 0

function batch() {
  const data = JSON.stringify({ life: plan.life, n: ++events, pad: 'x'.repeat((events * 37) % 200) })
  return { events: [{ stream: `s${events % 7}`, type: 'noted', version: 1, data }], durability: 'sync' }
}

/** How many were refused. */
async function appendOn(store, count) {
  let left = count
  let failed = 0
  const caller = async () => {
    while (left-- > 0) {
      await store.append(batch()).catch(() => {
        failed++
        left = 0
      })
    }
  }
  await Promise.all(Array.from({ length: 6 }, caller))
  return failed
}

async function live() {
  mkdirSync(plan.directory, { recursive: true })
  const store = await openDirectory(plan.directory, { segmentBytes: 4_096, lockAttempts: 20 })
  tell('open')
  if ((await appendOn(store, plan.appends)) > 0) {
    const late = await store.append(batch()).catch(({ code }) => code)
    if (late !== 'LATCHED') tell(`error after a failure an append was answered ${JSON.stringify(late)}`)
    await store.reopen()
    tell('reopened')
    await appendOn(store, 30)
  }
  await store.close()
  tell('closed')
}

await live().catch((error) => {
  // Refusing to open, to reopen or to close where the disk fails is right; a defect or invented damage is not.
  if (['ASSERTION', 'DAMAGED', undefined].includes(error.code))
    tell(`error ${error.code} ${error.stack.replaceAll('\n', ' | ')}`)
})
process.exit(0)
