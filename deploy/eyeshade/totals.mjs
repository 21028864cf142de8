// Reads the topic of votes from its beginning to its present end, as a ledger of somebody else does, and prints the totals.
//
// It shows a certificate of its own, takes what is committed (kafkajs leaves out what a transaction aborted), decodes each
// value with our schema file (raw Avro, no header), and counts an event id once: after a restore of payments' database events may
// stand in the topic twice, with the same id.
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import avro from 'avsc'
import { Kafka, logLevel } from 'kafkajs'

const needed = ['brokers', 'ca', 'certificate', 'key', 'topic', 'schema', 'group']
const help = `node totals.mjs --brokers HOST:PORT,… --ca FILE --certificate FILE --key FILE --topic NAME --schema FILE --group NAME [--seconds N]

Prints {"events": n, "repeats": n, "votes": {"<channel>": {"<funding source>": tokens}}} for the committed records of the topic.
Ends with 1 if it has not come to the end of the topic in N seconds (60).`

const text = { type: 'string' }
const options = Object.fromEntries([...needed, 'seconds'].map(name => [name, text]))
const { values: given } = parseArgs({ options: { ...options, help: { type: 'boolean' } } })
const missing = needed.filter(name => given[name] === undefined)
if (given.help || missing.length > 0) {
  console.error(given.help ? help : `missing: ${missing.map(name => `--${name}`).join(', ')}\n\n${help}`)
  process.exit(given.help ? 0 : 2)
}

// Tallies are 64-bit; a sum above 2^53 would be rounded, so it is refused.
const add = (one, other) => {
  const sum = one + other
  if (!Number.isSafeInteger(sum)) throw new RangeError('a total is too large')
  return sum
}

const vote = avro.Type.forSchema(JSON.parse(readFileSync(given.schema, 'utf8')))
const seen = new Set()
const totals = { events: 0, repeats: 0, votes: {} }
const take = value => {
  const { id, channel, fundingSource, voteTally } = vote.fromBuffer(value)
  if (seen.has(id)) {
    totals.repeats += 1
    return
  }
  seen.add(id)
  totals.events += 1
  const ofChannel = (totals.votes[channel] ??= {})
  ofChannel[fundingSource] = add(ofChannel[fundingSource] ?? 0, voteTally)
}

const kafka = new Kafka({
  clientId: 'eyeshade',
  brokers: given.brokers.split(','),
  ssl: { ca: [readFileSync(given.ca)], cert: readFileSync(given.certificate), key: readFileSync(given.key) },
  logLevel: logLevel.NOTHING
})

// Where each partition ends now. Those that are empty are at their end already.
const ends = async () => {
  const admin = kafka.admin()
  try {
    await admin.connect()
    const offsets = await admin.fetchTopicOffsets(given.topic)
    return new Map(offsets.filter(({ low, high }) => low !== high).map(({ partition, high }) => [partition, BigInt(high)]))
  } finally {
    await admin.disconnect()
  }
}

// Resolves when every partition was read to where it ended at first.
const readTo = (left, consumer) => new Promise((resolve, reject) => {
  const late = () => reject(new Error(`partitions ${[...left.keys()]} were not read to their end in time`))
  setTimeout(late, 1_000 * Number(given.seconds ?? 60)).unref()
  consumer.on(consumer.events.CRASH, ({ payload }) => payload.restart || reject(payload.error))
  // Also told of batches that hold nothing but the marks of transactions.
  consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) => {
    if (BigInt(payload.lastOffset) + 1n >= (left.get(payload.partition) ?? 0n)) left.delete(payload.partition)
    if (left.size === 0) resolve()
  })
})

const main = async () => {
  const left = await ends()
  if (left.size === 0) return
  const consumer = kafka.consumer({ groupId: given.group, readUncommitted: false, maxWaitTimeInMs: 50 })
  const ended = readTo(left, consumer)
  try {
    await consumer.connect()
    await consumer.subscribe({ topics: [given.topic], fromBeginning: true })
    await consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch }) => batch.messages.forEach(({ value }) => take(value))
    })
    await ended
  } finally {
    await consumer.disconnect()
  }
}

try {
  await main()
  console.log(JSON.stringify(totals))
} catch (error) {
  console.error(`eyeshade: ${error.message}`)
  process.exitCode = 1
}
