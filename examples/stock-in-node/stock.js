// The books: products, and what each command took or put back. All lines of an order, or none.
import Database from 'libsql'

import { Fence } from './fence.js'

/** How long to wait for another writer: well below the 10 s that one try of a command has. */
const BUSY_MILLISECONDS = 4_000

export class Stock {
  #database
  #fence

  /** Keep the books in a file. `openingStock` is by SKU; it counts only where the SKU is new. */
  constructor(path, openingStock = {}) {
    this.#database = new Database(path)
    this.#database.exec(`
      PRAGMA busy_timeout = ${BUSY_MILLISECONDS};
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      CREATE TABLE IF NOT EXISTS products (
        sku TEXT PRIMARY KEY, opening INTEGER NOT NULL,
        available INTEGER NOT NULL CHECK (available >= 0)) STRICT;
      CREATE TABLE IF NOT EXISTS movements (
        command_key TEXT NOT NULL, sku TEXT NOT NULL REFERENCES products, change INTEGER NOT NULL,
        PRIMARY KEY (command_key, sku)) STRICT;`)
    for (const [sku, pieces] of Object.entries(openingStock)) {
      this.#run('INSERT INTO products VALUES (?, ?, ?) ON CONFLICT DO NOTHING', sku, pieces, pieces)
    }
    this.#fence = new Fence(this.#database)
  }

  /** Take every line once; `{ event }`, or `{ refusal }` when a line cannot be served. */
  decrease(command) {
    return this.#fence.forward(command.idempotency_key, payload(command), () => {
      const quantities = perSku(command.lines)
      const refusal = this.#refusal(command.order_id, quantities)
      if (refusal) return { refusal }
      for (const [sku, count] of quantities) this.#move(command.idempotency_key, sku, -count)
      return { event: { event: 'StockDecreasedEvent', order_id: command.order_id } }
    })
  }

  /** Put back what the order took; nothing, if it took nothing. The books say what that was. */
  restore(command) {
    return this.#fence.compensate(command.idempotency_key, payload(command), (takenUnder) => {
      for (const { sku, change } of takenUnder ? this.#movements(takenUnder) : []) {
        this.#move(command.idempotency_key, sku, -change)
      }
      const restored = takenUnder !== null
      return { event: 'StockRestoredEvent', order_id: command.order_id, restored }
    })
  }

  close() {
    this.#database.close()
  }

  #refusal(orderId, quantities) {
    const refusal = { event: 'StockDecreaseFailedEvent', order_id: orderId }
    const lines = [...quantities].map(([sku, asked]) => {
      return { sku, asked, available: this.#available(sku) }
    })
    const skus = lines.filter(({ available }) => available === undefined).map(({ sku }) => sku)
    if (skus.length > 0) {
      const message = `not a product of this shop: ${skus.join(', ')}`
      return { ...refusal, reason: 'UNKNOWN_SKU', message, details: { skus } }
    }
    const short = lines.filter(({ asked, available }) => asked > available)
    if (short.length === 0) return null
    const message = short.map((line) => `${line.sku}: ${line.asked} asked, ${line.available} left`)
    return { ...refusal, reason: 'OUT_OF_STOCK', message: message.join('; '), details: { short } }
  }

  #available(sku) {
    return this.#database.prepare('SELECT available FROM products WHERE sku = ?').get(sku)?.available
  }

  #movements(commandKey) {
    return this.#database.prepare('SELECT * FROM movements WHERE command_key = ?').all(commandKey)
  }

  #move(commandKey, sku, change) {
    this.#run('UPDATE products SET available = available + ? WHERE sku = ?', change, sku)
    this.#run('INSERT INTO movements VALUES (?, ?, ?)', commandKey, sku, change)
  }

  #run(statement, ...values) {
    this.#database.prepare(statement).run(...values)
  }
}

/** What a command asks for, as far as this participant knows: newer releases may say more. */
function payload({ order_id, lines }) {
  return [order_id, lines.map(({ sku, quantity }) => [sku, quantity])]
}

/** Sum the quantities of a SKU that stands on several lines. */
function perSku(lines) {
  const quantities = new Map()
  for (const { sku, quantity } of lines) {
    quantities.set(sku, (quantities.get(sku) ?? 0) + quantity)
  }
  return quantities
}
