// A proxy between a journal and its server that understands the protocol as far as it needs: it can cut a connection right
// before a statement reaches the server, or right after the server has carried it out and before anybody hears of it, and
// it can hold a statement back until a test lets it go. It can also lead to another server from some moment on.

import { connect, createServer, type Server, type Socket } from 'node:net'

export type Action =
  /** The statement never reaches the server. */
  | 'cut-before'
  /** The server has answered that it is done, and the answer never reaches the client. */
  | 'cut-after'

interface Rule {
  readonly matches: (statement: string) => boolean
  readonly action: Action | 'hold'
  readonly reached: () => void
  readonly released: Promise<void>
}

export interface Held {
  /** The statement has arrived and waits. */
  readonly reached: Promise<void>
  release(): void
}

export interface Traffic {
  roundTrips: number
  statements: number
}

export class PostgresProxy {
  #traffic: Traffic | undefined
  readonly #server: Server
  readonly #pairs: Set<Pair> = new Set()
  #target: number
  readonly #rules: Rule[] = []
  port = 0

  private constructor(target: number) {
    this.#target = target
    this.#server = createServer((client) => this.#accept(client))
  }

  static async to(port: number): Promise<PostgresProxy> {
    const proxy = new PostgresProxy(port)
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve))
    const address = proxy.#server.address()
    if (address === null || typeof address === 'string') throw new Error('no port was given')
    proxy.port = address.port
    return proxy
  }

  url(of: string): string {
    const url = new URL(of)
    url.port = String(this.port)
    return url.href
  }

  /** From here on connections lead there; those that are open end. */
  retarget(port: number): void {
    this.#target = port
    this.cutAll()
  }

  cutAll(): void {
    for (const pair of [...this.#pairs]) pair.cut()
  }

  /** Once, at the next statement that matches, on whatever connection. Resolves when it has happened. */
  once(pattern: RegExp, action: Action): Promise<void> {
    return new Promise((reached) => {
      this.#rules.push({ matches: (text) => pattern.test(text), action, reached, released: Promise.resolve() })
    })
  }

  /** The next statement that matches waits, and all that follows it on its connection. */
  hold(pattern: RegExp): Held {
    let release = (): void => undefined
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    const reached = new Promise<void>((resolve) => {
      this.#rules.push({ matches: (text) => pattern.test(text), action: 'hold', reached: resolve, released })
    })
    return { reached, release }
  }

  /** Round trips from here on, over all connections: turns from what a client says to what the server says. */
  count(): { stop(): Traffic } {
    const traffic = { roundTrips: 0, statements: 0 }
    this.#traffic = traffic
    return {
      stop: () => {
        this.#traffic = undefined
        return traffic
      },
    }
  }

  async close(): Promise<void> {
    this.cutAll()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #accept(client: Socket): void {
    const pair: Pair = new Pair(client, connect(this.#target, '127.0.0.1'), {
      ruleFor: (text) => {
        const index = this.#rules.findIndex(({ matches }) => matches(text))
        return index < 0 ? undefined : this.#rules.splice(index, 1)[0]
      },
      ended: () => this.#pairs.delete(pair),
      traffic: () => this.#traffic,
    })
    this.#pairs.add(pair)
  }
}

interface PairParts {
  readonly ruleFor: (statement: string) => Rule | undefined
  readonly ended: () => void
  readonly traffic: () => Traffic | undefined
}

/** One connection of a client, and the one that it leads to. */
class Pair {
  readonly #client: Socket
  readonly #server: Socket
  readonly #parts: PairParts
  #fromClient: Buffer = Buffer.alloc(0)
  #fromServer: Buffer = Buffer.alloc(0)
  /** The first message has no type. */
  #isStarted = false
  #isHolding = false
  /** Set while the answer to this statement is kept from the client. */
  #swallowing: Rule | undefined
  /** Statements whose answers are still to come before that one. */
  #answersBefore = 0

  constructor(client: Socket, server: Socket, parts: PairParts) {
    this.#client = client
    this.#server = server
    this.#parts = parts
    client.on('data', (bytes) => {
      this.#fromClient = Buffer.concat([this.#fromClient, bytes])
      this.#forward()
    })
    server.on('data', (bytes) => this.#answer(bytes))
    for (const socket of [client, server]) {
      socket.on('error', () => this.cut())
      socket.on('close', () => this.cut())
    }
  }

  cut(): void {
    this.#client.destroy()
    this.#server.destroy()
    this.#parts.ended()
  }

  #forward(): void {
    while (!this.#isHolding && !this.#client.destroyed) {
      const message = this.#nextMessage()
      if (message === undefined) return
      const rule = this.#isStarted ? this.#parts.ruleFor(statementIn(message)) : undefined
      this.#isStarted = true
      if (rule === undefined) this.#pass(message)
      else if (rule.action === 'cut-before') {
        rule.reached()
        this.cut()
      } else if (rule.action === 'cut-after') {
        this.#swallowing = rule
        this.#answersBefore = this.#unanswered
        this.#pass(message)
      } else this.#holdBack(message, rule)
    }
  }

  /** Statements that were sent and not answered yet. */
  #unanswered = 0

  #pass(message: Buffer): void {
    const traffic = this.#parts.traffic()
    if (message[0] === 0x51 /* Q */ || message[0] === 0x53 /* S, sync */) {
      if (traffic !== undefined) traffic.statements++
      // A turn: all that was said before has been answered.
      if (traffic !== undefined && this.#unanswered === 0) traffic.roundTrips++
      this.#unanswered++
    }
    this.#server.write(message)
  }

  #holdBack(message: Buffer, rule: Rule): void {
    this.#isHolding = true
    rule.reached()
    void rule.released.then(() => {
      this.#isHolding = false
      if (this.#client.destroyed) return
      this.#pass(message)
      this.#forward()
    })
  }

  #nextMessage(): Buffer | undefined {
    const head = this.#isStarted ? 1 : 0
    if (this.#fromClient.length < head + 4) return undefined
    const length = head + this.#fromClient.readInt32BE(head)
    if (this.#fromClient.length < length) return undefined
    const message = this.#fromClient.subarray(0, length)
    this.#fromClient = this.#fromClient.subarray(length)
    return message
  }

  #answer(bytes: Buffer): void {
    this.#fromServer = Buffer.concat([this.#fromServer, bytes])
    for (;;) {
      if (this.#fromServer.length < 5) return
      const length = 1 + this.#fromServer.readInt32BE(1)
      if (this.#fromServer.length < length) return
      const message = this.#fromServer.subarray(0, length)
      this.#fromServer = this.#fromServer.subarray(length)
      this.#answered(message)
      if (this.#client.destroyed) return
    }
  }

  #answered(message: Buffer): void {
    const isReady = message[0] === 0x5a /* Z, ready for query */
    if (isReady && this.#unanswered > 0) this.#unanswered--
    if (this.#swallowing === undefined || this.#answersBefore > 0) {
      if (isReady && this.#swallowing !== undefined) this.#answersBefore--
      this.#client.write(message)
    } else if (isReady) {
      this.#swallowing.reached()
      this.cut()
    }
  }
}

/** Of a query, or of a statement that is prepared. */
function statementIn(message: Buffer): string {
  const text = message.toString('utf8', 5)
  if (message[0] === 0x51) return text.slice(0, -1)
  return message[0] === 0x50 ? (text.split('\0')[1] ?? '') : ''
}
