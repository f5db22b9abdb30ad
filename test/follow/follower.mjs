// A process that does nothing but follow a journal: each event it is given becomes a line, with the time of its coming.

import { open } from '../../dist/index.js'

const journal = await open(process.argv[2], { readOnly: true })
process.stdout.write('ready\n')
for await (const item of journal.subscribe()) {
  process.stdout.write(`${JSON.stringify({ ...item, cameAt: Date.now() })}\n`)
  if (item.type === 'last') break
}
await journal.close()
