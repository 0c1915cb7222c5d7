// A checkout: `node checkout.mjs CART.json`, with the API at API_URL; again after any crash.
import { randomUUID } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const { API_URL = 'http://localhost:8000', API_TOKEN } = process.env
const UNDER_WAY = ['PENDING', 'AWAITING_CUSTOMER', 'PAYMENT_COMPLETED']
const ASK_AGAIN = [408, 429, 500, 502, 503, 504]
const MOST = 60_000 // milliseconds without an answer

/** Place an order, once; ask again until it is known how it goes on. */
async function place({ order, key }) {
  const headers = { 'Content-Type': 'application/json', 'Idempotency-Key': key, Prefer: 'wait=20' }
  if (API_TOKEN) headers.Authorization = `Bearer ${API_TOKEN}`
  const request = { method: 'POST', headers, body: JSON.stringify(order) }
  let page // of the bank, to which the customer was sent
  for (let pauses = 0, end = Date.now() + MOST; ; pauses++) {
    const signal = AbortSignal.timeout(40_000)
    const answer = await fetch(`${API_URL}/orders`, { ...request, signal }).catch(() => null)
    const body = await answer?.json().catch(() => null)
    if (body && answer.ok) {
      if (!UNDER_WAY.includes(body.state)) return body
      end = Date.now() + MOST // the same call again waits for it
      if (!body.action) pauses = 0 // they grow while the bank asks the customer
      else if (!page) console.log(`Please confirm with your bank: ${(page = body.action.url)}`)
    } else if (answer && !ASK_AGAIN.includes(answer.status)) throw new Error(body?.detail)
    const demand = Number(answer?.headers.get('Retry-After')) || 0 // seconds
    const pause = demand * 1000 + Math.random() * Math.min(10_000, 200 * 2 ** pauses)
    if (Date.now() + pause > end) throw new Error('no answer: try again, it is placed once')
    await sleep(pause)
  }
}

const cart = JSON.parse(readFileSync(process.argv[2], 'utf8'))
cart.key ??= randomUUID() // made once, and kept before anything is sent
writeFileSync(process.argv[2], JSON.stringify(cart))
const { order_id, state, failure } = await place(cart)
if (state === 'COMPLETED') console.log(`Thank you: order ${order_id} is on its way.`)
else if (failure) console.log(failure.customer_message)
else console.log(`We look at order ${order_id} before we charge you; it may take a day.`)
