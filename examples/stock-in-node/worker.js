// Serves the task queue `stock` until SIGTERM or SIGINT: node worker.js [opening-stock.json]
import { readFileSync } from 'node:fs'

import { NativeConnection, Worker } from '@temporalio/worker'

import { activities } from './activities.js'
import { TASK_QUEUE } from './contract.js'
import { Stock } from './stock.js'

const {
  TEMPORAL_ADDRESS = 'localhost:7233',
  TEMPORAL_NAMESPACE = 'default',
  STOCK_FILE = 'stock-in-node.db',
} = process.env
const [openingStock] = process.argv.slice(2)

const stock = new Stock(STOCK_FILE, openingStock && JSON.parse(readFileSync(openingStock, 'utf8')))
const connection = await NativeConnection.connect({ address: TEMPORAL_ADDRESS })
try {
  const worker = await Worker.create({
    connection,
    namespace: TEMPORAL_NAMESPACE,
    taskQueue: TASK_QUEUE,
    activities: activities(stock),
    shutdownGraceTime: '10 seconds', // what has begun may end
  })
  console.log(`ready: ${TASK_QUEUE}, on ${STOCK_FILE}`)
  await worker.run()
} finally {
  await connection.close()
  stock.close()
}
