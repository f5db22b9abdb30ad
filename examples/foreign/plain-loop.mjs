// An agent loop as one finds it everywhere: it knows nothing of any journal, and keeps all that it has in memory.

import { setTimeout as sleep } from 'node:timers/promises'

/** Asks the model, calls the tools that it wants, tells it what they gave, and so on until it wants none. */
export async function plainLoop(goal, { ask, call }) {
  const messages = [{ role: 'user', content: goal }]
  for (;;) {
    const reply = await ask(messages)
    messages.push(reply)
    if (reply.calls.length === 0) return reply.content
    const results = await Promise.all(reply.calls.map(({ name, args }) => call(name, args)))
    for (const content of results) messages.push({ role: 'tool', content })
  }
}

/** In place of a real model: adds up the lengths of words, one tool call for each. */
export async function ask(messages) {
  await sleep(200)
  const words = messages[0].content.split(' ')
  const results = messages.filter(({ role }) => role === 'tool').map(({ content }) => content)
  console.log(`model asked, with ${messages.length} messages`)
  if (results.length === 0)
    return { role: 'assistant', calls: words.map((word) => ({ name: 'length', args: { word } })) }
  if (results.length === words.length) {
    return { role: 'assistant', calls: [{ name: 'sum', args: { numbers: results } }] }
  }
  return { role: 'assistant', content: `${results.at(-1)} letters`, calls: [] }
}

export async function call(name, args) {
  await sleep(200)
  console.log(`tool called: ${name} ${JSON.stringify(args)}`)
  return name === 'length' ? args.word.length : args.numbers.reduce((sum, number) => sum + number, 0)
}
