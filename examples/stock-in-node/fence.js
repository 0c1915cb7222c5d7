// The fence: a command takes effect once, and never after its compensation. README.md has its six
// promises. One row per idempotency key, written in one transaction with the effect.
import { createHash } from 'node:crypto'

const COMPENSATION = '/compensation'

/** The key was used before, for a command with another payload. */
export class KeyReused extends Error {}

/** The command came after its compensation. */
export class AlreadyCompensated extends Error {}

export class Fence {
  #database

  /** Guard a libsql database, to which all effects go as well. */
  constructor(database) {
    this.#database = database
    database.exec(`CREATE TABLE IF NOT EXISTS fence (
      key TEXT PRIMARY KEY,
      outcome TEXT NOT NULL,  -- APPLIED, REFUSED, COMPENSATED or TOMBSTONE
      fingerprint TEXT,       -- of a tombstone there is none: its command never came
      answer TEXT) STRICT`)
  }

  /**
   * Let a forward command take effect once.
   *
   * `payload` is what it asks for, as JSON; under one key it is always the same.
   * `effect()` returns `{ event }` when it is done, or `{ refusal }`, having written nothing.
   * Returns the same to a duplicate. Throws KeyReused or AlreadyCompensated; nothing was done then.
   */
  forward(key, payload, effect) {
    return this.#transaction(() => {
      const row = this.#recall(key, payload)
      if (row?.outcome === 'COMPENSATED' || row?.outcome === 'TOMBSTONE') {
        throw new AlreadyCompensated(`${key} came after its compensation`)
      }
      if (row) return JSON.parse(row.answer)
      const answer = effect()
      this.#record(key, payload, answer.refusal ? 'REFUSED' : 'APPLIED', answer)
      return answer
    })
  }

  /**
   * Let a compensation take effect once, and refuse its forward command from now on.
   *
   * `effect(forwardKey)` takes back what the command of that key did; it is given null when that
   * has no effect to take back. It returns the event, and a duplicate gets the same. What it
   * throws is not remembered: it may be asked again. Throws KeyReused.
   */
  compensate(key, payload, effect) {
    const forwardKey = key.slice(0, -COMPENSATION.length)
    if (forwardKey + COMPENSATION !== key) throw new Error(`${key} names no compensation`)
    return this.#transaction(() => {
      const row = this.#recall(key, payload)
      if (row) return JSON.parse(row.answer)
      const isApplied = this.#row(forwardKey)?.outcome === 'APPLIED'
      const event = effect(isApplied ? forwardKey : null)
      this.#record(key, payload, 'APPLIED', event)
      this.#run(
        `INSERT INTO fence VALUES (?, 'TOMBSTONE', NULL, NULL)
         ON CONFLICT (key) DO UPDATE SET outcome = 'COMPENSATED' WHERE outcome = 'APPLIED'`,
        forwardKey,
      )
      return event
    })
  }

  /** IMMEDIATE: of two writers one waits, so that what is read here is still so at the commit. */
  #transaction(work) {
    this.#database.exec('BEGIN IMMEDIATE')
    try {
      const result = work()
      this.#database.exec('COMMIT')
      return result
    } catch (error) {
      if (this.#database.inTransaction) this.#database.exec('ROLLBACK')
      throw error
    }
  }

  /** Return the row of an earlier delivery of this command. */
  #recall(key, payload) {
    const row = this.#row(key)
    if (row?.fingerprint && row.fingerprint !== digest(payload)) {
      throw new KeyReused(`${key} was used for another command`)
    }
    return row
  }

  #row(key) {
    return this.#database.prepare('SELECT * FROM fence WHERE key = ?').get(key)
  }

  #record(key, payload, outcome, answer) {
    const row = [key, outcome, digest(payload), JSON.stringify(answer)]
    this.#run('INSERT INTO fence VALUES (?, ?, ?, ?)', ...row)
  }

  #run(statement, ...values) {
    this.#database.prepare(statement).run(...values)
  }
}

function digest(payload) {
  return createHash('sha256').update(JSON.stringify(payload)).digest('hex')
}
