// The contract: docs/contracts/stock.json, as the order saga publishes it.
import { readFileSync } from 'node:fs'

import Ajv from 'ajv/dist/2020.js'

const DOCUMENT = new URL('../../docs/contracts/stock.json', import.meta.url)

const schema = JSON.parse(readFileSync(DOCUMENT, 'utf8'))
const ajv = new Ajv()
ajv.addVocabulary(Object.keys(schema).filter((name) => name.startsWith('x-')))
ajv.addSchema(schema)

export const TASK_QUEUE = schema['x-task-queue']

/** Return a message that fits its schema; else throw. */
export function valid(name, message) {
  const validate = ajv.getSchema(`${schema.$id}#/$defs/${name}`)
  if (validate(message)) return message
  throw new Error(`not a ${name}: ${ajv.errorsText(validate.errors)}`)
}
