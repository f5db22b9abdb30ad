// A run with everything that a run can ask for: more than fifty steps and tools, one after another, at the same time and in
// scopes; tools of each effect; retries; a race; sleeps; signals that come early, late and never; children; a budget that is
// spent; time and chance. Written for a process of its own and for the one of a test.
//
// Invariant: what it gives follows from what it is told. Whatever differs from one undisturbed life to another (time, chance,
// who was first) is recorded by a step, and compared with itself at the end.

export const longRun = { id: 'long', name: 'long', input: { of: 'proof' }, budgets: { tokens: 5 } }

/** What its steps and tools do, they do outside. */
class Acting {
  #run
  #outside

  constructor(run, outside) {
    this.#run = run
    this.#outside = outside
  }

  async step(name, options = {}, attempts = 1) {
    const { id } = this.#run
    const call = async (context) => {
      const did = await this.#outside.call('step', id, context)
      if (context.attempt < attempts) throw new Error(`attempt ${context.attempt} of ${name}`)
      return did
    }
    return this.#outside.told(id, await this.#run.step(name, call, options))
  }

  async tool(name, effect, { verifies = false, attempts = 1, ...options } = {}) {
    const { id } = this.#run
    const outside = this.#outside
    const call = async (context) => {
      const fails = context.attempt < attempts
      const did = await outside.call(fails ? 'try' : 'tool', id, context, effect)
      if (fails) throw new Error(`attempt ${context.attempt} of ${name}`)
      return did
    }
    const verify = async (context) => {
      const result = await outside.call('verify', id, context)
      return outside.has(context.idempotencyKey) ? { done: true, result } : { done: false }
    }
    const compensate = (_, context) => outside.call('undo', id, context)
    const terms = { effect, ...(verifies ? { verify } : {}), ...(effect === 'reversible' ? { compensate } : {}) }
    return outside.told(id, await this.#run.tool(name, { ...terms, ...options }, call))
  }

  scope(name, call) {
    return this.#run.scope(name, (run) => call(new Acting(run, this.#outside)))
  }
}

/** A child of it, by name. */
export function partOf(outside) {
  return async (run, { n }) => {
    const act = new Acting(run, outside)
    const one = await act.step('one')
    await run.sleep(5)
    const both = await Promise.all([act.tool('pay', 'once', { verifies: true }), act.tool('put', 'idempotent')])
    await run.emit({ part: n })
    return [one, ...both, await act.step('two')]
  }
}

/** `fails`: at the end, so that what can be undone is. */
export function longRunOf(outside, { fails }) {
  return async (run, input) => {
    const act = new Acting(run, outside)
    const once = { times: 2, delay: 1, jitter: false }
    const drawn = { id: run.uuid(), chance: run.random() }
    const kept = await run.step('kept', () => drawn)
    const plan = await act.step('plan', { input })
    const done = []
    for (let n = 1; n <= 6; n += 1) done.push(await act.step(`s${n}`))
    done.push(await act.step('flaky', { retry: once }, 2))
    const failed = await act.step('fails', {}, 2).catch(({ message }) => message)
    const now = run.now()
    const keptNow = await run.step('now', () => now)

    done.push(await act.tool('look', 'pure'))
    done.push(await act.tool('put', 'idempotent', { retry: once, attempts: 2, input: { failed } }))
    done.push(await act.tool('charge', 'once', { verifies: true }))
    done.push(await act.tool('send', 'once'))
    done.push(await act.tool('book', 'reversible', { verifies: true }))
    done.push(await act.tool('hold', 'reversible'))
    await run.emit({ booked: true })

    const branches = ['north', 'east', 'south', 'west'].map((name) =>
      act.scope(name, async (branch) => [
        await branch.step('begin'),
        await branch.tool('ask', 'pure'),
        await branch.tool('move', name === 'north' ? 'reversible' : name === 'east' ? 'once' : 'idempotent'),
        ...(await Promise.all([branch.step('left'), branch.step('right')])),
      ]),
    )
    const all = await Promise.all(branches)

    const winner = await Promise.race([act.step('racer').then(() => 'first'), act.step('racer').then(() => 'second')])
    const keptWinner = await run.step('winner', () => winner)
    const inTime = await Promise.race([act.step('quick'), run.sleep('1h')])
    await run.sleep(20)
    await run.annotate('half of it is done', { all: all.length })

    const charge = () => ({ tokens: 3 })
    for (let n = 1; n <= 3; n += 1) done.push(await act.step('think', { charge }))
    await run.charge({ cost: 2 })

    const [part, aside] = await Promise.all([
      run.child('part', { input: { n: 1 } }),
      run.child('aside', (child) => new Acting(child, outside).step('only')),
    ])
    const approval = await run.wait('approval')
    const nobody = await run.wait('nobody', { timeout: 10 })
    const early = await run.wait('early')
    await run.record('proof.noted', { early })
    for (let n = 1; n <= 5; n += 1) done.push(await act.step('last'))
    const same = [isSame(kept, drawn), isSame(keptNow, now), isSame(keptWinner, winner)]
    if (fails) throw new Error(`out of stock ${JSON.stringify(same)}`)
    return { plan, done, failed, all, inTime, part, aside, approval, nobody, early, same, spent: run.spent }
  }
}

function isSame(recorded, again) {
  return JSON.stringify(recorded) === JSON.stringify(again)
}
